#!/usr/bin/env bash
# One command in as many parts as the array has tasks; each part comes and goes at its own time.
#
#   sbatch --array 0-15 docs/jobs/array.sh attribution score-dataset rows.parquet --out scores.parquet
#   sbatch --array 0-9 docs/jobs/array.sh unlearn arms --seeds 0-4 --out arms/
#
# The part that ends last writes the result. Killed or requeued, a task goes on where it stopped; once all have ended
# without a result (a file system that shows files late), submit any one task again.
#SBATCH --requeue
#SBATCH --gpus-per-task=1
#SBATCH --ntasks=1
set -euo pipefail

part=$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN))/$SLURM_ARRAY_TASK_COUNT
exec python -m "$@" --part "$part"
