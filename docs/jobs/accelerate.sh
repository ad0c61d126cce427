#!/usr/bin/env bash
# The same as torchrun.sh by `accelerate launch`, for those who have it set up.
#
#   sbatch --nodes 4 docs/jobs/accelerate.sh attribution score-dataset rows.parquet --out scores.parquet
#SBATCH --requeue
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
set -euo pipefail

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
export FIRST=$first PORT=$((20000 + SLURM_JOB_ID % 20000)) GPUS=${SLURM_GPUS_ON_NODE:-1}
# Every node has a number of its own, which it alone knows.
# shellcheck disable=SC2016
exec srun bash -c 'exec python -m accelerate.commands.launch --multi_gpu --mixed_precision no --dynamo_backend no \
    --num_machines "$SLURM_NNODES" --num_processes "$((SLURM_NNODES * GPUS))" --machine_rank "$SLURM_NODEID" \
    --main_process_ip "$FIRST" --main_process_port "$PORT" -m "$@"' bash "$@"
