#!/usr/bin/env bash
# Start a Ray cluster over several machines, for the train_*.sh scripts. One machine needs none of this.
#
#   bash scripts/ray_cluster.sh head                    on the first machine; stays in the foreground
#   bash scripts/ray_cluster.sh worker HEAD_IP:6379     on each other machine; waits for the head, then stays
#   RAY_ADDRESS=HEAD_IP:6379 bash scripts/ray_cluster.sh wait 4      on one of them: wait until 4 have joined
#   RAY_ADDRESS=HEAD_IP:6379 bash scripts/train_math.8k.sh +qwen2.5-math-72b
#
# Ctrl-C (or ending the process) removes the machine from the cluster. All machines need this folder, .venv
# included, and the models at the same path (a shared file system).
#
# Knobs: PORT (6379), GPUS (that this machine hands out; default: those found; on a machine without any: as many logical
# ones, for runs on CPUs), NODE_IP (the address at which the others reach this machine; default: Ray's guess), WAIT
# (seconds to wait for the others; 300), RAY_TMPDIR (for sockets and logs, a short path; the head's counts on all
# machines; default: /tmp/ray-<user id>), PYTHON (.venv/bin/python)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

PORT=${PORT:-6379}
WAIT=${WAIT:-300}
usage() { printf '%s\n' "$header" >&2; exit 2; }

need_python all

# Workers import the reward and the trainer from here; without a GPU they need train/cpu/__init__.py's environment too.
node_options=(--block --disable-usage-stats)
[ -z "${NODE_IP:-}" ] || node_options+=(--node-ip-address "$NODE_IP")
prepare_node() {
    local exports
    exports=$("$PYTHON" -m train.cluster environment ${GPUS:+--gpus "$GPUS"} "$@")
    eval "$exports"
    node_options+=(--num-gpus "${GPUS:-$LIM_NODE_GPUS}")
    # Ray's own choice is TMPDIR, a batch system's may be too long for a socket, or /tmp/ray, which is the first user's.
    export RAY_TMPDIR=${RAY_TMPDIR:-/tmp/ray-$(id -u)}
}

case ${1:-} in
    head)
        [ $# = 1 ] || usage
        prepare_node --port "$PORT"
        exec "$PYTHON" -m ray.scripts.scripts start --head --port "$PORT" --include-dashboard false "${node_options[@]}"
        ;;
    worker)
        [ $# = 2 ] || usage
        prepare_node
        # For the port alone (--nodes 0): to ask more of a cluster, a machine must be part of it.
        "$PYTHON" -m train.cluster wait --address "$2" --nodes 0 --seconds "$WAIT"
        exec "$PYTHON" -m ray.scripts.scripts start --address "$2" "${node_options[@]}"
        ;;
    wait)
        [ $# = 2 ] || usage
        [ -n "${RAY_ADDRESS:-}" ] || die "RAY_ADDRESS is not set; set it to the head's address: RAY_ADDRESS=HEAD_IP:$PORT"
        exec "$PYTHON" -m train.cluster wait --address "$RAY_ADDRESS" --nodes "$2" --seconds "$WAIT"
        ;;
    *) usage ;;
esac
