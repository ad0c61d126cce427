#!/usr/bin/env bash
# One command by all GPUs of several nodes together, which meet at the first node (torchrun's rendezvous).
#
#   sbatch --nodes 4 docs/jobs/torchrun.sh attribution score-dataset rows.parquet --out scores.parquet
#   sbatch --nodes 2 docs/jobs/torchrun.sh unlearn --model owner/name-70b --parallel fsdp --processes 16 --save forgotten/
#   sbatch --nodes 2 docs/jobs/torchrun.sh unlearn arms --seeds 0-4 --out arms/
#
# Requeued, score-dataset and arms go on where they stopped, and a run by ddp with --checkpoint does.
#SBATCH --requeue
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
set -euo pipefail

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
exec srun python -m torch.distributed.run --nnodes "$SLURM_NNODES" --nproc_per_node "${SLURM_GPUS_ON_NODE:-1}" \
    --rdzv_backend c10d --rdzv_id "$SLURM_JOB_ID" --rdzv_endpoint "$first:$((20000 + SLURM_JOB_ID % 20000))" -m "$@"
