#!/usr/bin/env bash
# One run of unlearning for each task of the array, whose number is the seed; a requeued task goes on from its checkpoint.
#
#   sbatch --array 0-4 docs/jobs/seeds.sh runs/ --forget tofu:forget10 --model owner/name
#
# runs/ then has 0.json, 1.json, ... and the models 0/, 1/, ...
#SBATCH --requeue
#SBATCH --gpus-per-task=1
#SBATCH --ntasks=1
set -euo pipefail

folder=$1 seed=$SLURM_ARRAY_TASK_ID
shift
mkdir -p "$folder/kept"
exec python -m unlearn "$@" --seed "$seed" \
    --checkpoint "$folder/kept/$seed" --json "$folder/$seed.json" --save "$folder/$seed"
