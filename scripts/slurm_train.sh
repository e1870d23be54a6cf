#!/usr/bin/env bash
#SBATCH --job-name=lim-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --output=slurm-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
# Train on several machines under Slurm: start a Ray cluster for the job, and run the training on it.
#
#   sbatch scripts/slurm_train.sh scripts/train_math.8k.sh                               the paper's 16 GPUs
#   sbatch --nodes=4 scripts/slurm_train.sh scripts/train_limr.sh +qwen2.5-math-72b
#
# Submit from the repository's folder. --mem=0 asks for all memory of each machine: --exclusive alone leaves the site's
# default at many. Give --time and what else your site wants to sbatch. A job that Slurm requeues (preempted, a machine
# lost) resumes its run; one that ran out of time is submitted again with run.resume=true.
# Knobs: PORT (by default the job's own, from its number), WAIT (seconds for all machines to join; 300), GPUS (per machine; default: those found), HEAD_IP
# (the address at which the others reach the first machine; default: its IPv4 address by which the last one knows its
# name, else the first of its own)
scripts=$(dirname "${BASH_SOURCE[0]}")
[ -e "$scripts/lib.sh" ] || scripts=${SLURM_SUBMIT_DIR:-.}/scripts # sbatch runs a copy of this file
. "$scripts/lib.sh"
cd "$root"

[ -f "${1:-}" ] || die "${1:+$1: no such script; }give a training: sbatch scripts/slurm_train.sh scripts/train_*.sh [+overlay …] [key=value …]"
[ -n "${SLURM_JOB_NODELIST:-}" ] || die "this is no Slurm job; submit it: sbatch scripts/slurm_train.sh $*"
# Not Ray's 6379, which another job's Ray may hold, or one that was left behind; below the ports of connections.
PORT=${PORT:-$((20000 + ${SLURM_JOB_ID:-0} % 12000))}
export PORT WAIT=${WAIT:-300}

nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes%%$'\n'*}
last=${nodes##*$'\n'}
# Every step: beside the others, with all that the job has, whatever sbatch's options make srun's defaults.
srun=(srun --overlap --export=ALL --cpu-bind=none --mem=0 --nodes=1 --ntasks=1)
if [ -z "${HEAD_IP:-}" ]; then
    # Not `hostname --ip-address`: many machines map their own name to the loopback. Of several networks that by which
    # the others know its name.
    own=" $("${srun[@]}" --nodelist="$head" hostname -I) "
    known=$("${srun[@]}" --nodelist="$last" getent ahostsv4 "$head" | cut -d' ' -f1) || known=
    for address in $known $own; do
        case $address in
            *:* | 127.* | 169.254.* | 172.17.0.1) continue ;; # IPv6, loopback, link-local, Docker's bridge
        esac
        [[ $own == *" $address "* ]] || continue
        HEAD_IP=$address
        break
    done
    [ -n "${HEAD_IP:-}" ] || die "$head has no IPv4 address but the loopback; set HEAD_IP to one that the other machines reach"
fi
export RAY_ADDRESS="$HEAD_IP:$PORT"
# Requeued, as after a preemption or the loss of a machine: the run is there already.
if [ "${SLURM_RESTART_COUNT:-0}" != 0 ] && [[ ${1##*/} == train*.sh ]]; then
    set -- "$@" run.resume=true
fi

trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
NODE_IP=$HEAD_IP "${srun[@]}" --nodelist="$head" bash scripts/ray_cluster.sh head &
for node in $nodes; do
    [ "$node" != "$head" ] || continue
    "${srun[@]}" --nodelist="$node" bash scripts/ray_cluster.sh worker "$RAY_ADDRESS" &
done
bash scripts/ray_cluster.sh wait "$SLURM_JOB_NUM_NODES" &
waiting=$! ended=0
wait -n || ended=$? # for the first of them that ends
! kill -0 "$waiting" 2>/dev/null || die "Ray ended on one of the machines before all had joined; its reason is above"
[ "$ended" = 0 ] || exit "$ended"
"${srun[@]}" --nodelist="$head" bash "$@"
