#!/bin/sh
# Trains the built-in model from nothing and writes models/builtin. About an hour on two cores.
#
#   tools/train-builtin/run.sh [work folder, default build/train-builtin]
#
# Needs Node with this project's packages, and Python 3 with torch, onnx and numpy, which on Debian
# are python3-torch, python3-onnx and python3-numpy. PYTHON names another interpreter; STEPS (1000)
# and SHARDS (12, of 10,000 scenes each) make a shorter trial run. Figures are measured by the
# product itself, so its native part must be built: npm run build.
set -eu
export PYTHONDONTWRITEBYTECODE=1
cd "$(dirname "$0")/../.."
work=${1:-build/train-builtin}
python=${PYTHON:-python3}
steps=${STEPS:-1000}
shards=${SHARDS:-12}

if ! "$python" -c 'import torch, onnx, numpy' 2>/dev/null; then
  echo "$python lacks torch, onnx or numpy: apt-get install python3-torch python3-onnx python3-numpy" >&2
  exit 1
fi
mkdir -p "$work"
npm run --silent build:ts

draw=dist/tools/train-builtin/draw-training-set.js
node "$draw" --out "$work/held-out" --split held-out --scenes 1000
seq 0 $((shards - 1)) |
  xargs -P 2 -I '{}' node "$draw" --out "$work/train" --split train --scenes 10000 --shard '{}'

# Learn at a high rate, then settle: the second part also teaches what an unknown word is not.
train() {
  "$python" -u tools/train-builtin/train.py --data "$work" --threads 2 "$@"
}
train --out "$work/run-1" --steps $((steps * 34 / 10)) --stop "$steps" --unknown 0 --seed 7
train --out "$work/run" --start "$work/run-1/checkpoint.pt" --steps $((steps * 41 / 100)) --rate 1e-3 --seed 8
"$python" tools/train-builtin/export.py --run "$work/run" --out models/builtin
node dist/tools/train-builtin/evaluate.js --run "$work/run" --card models/builtin/README.md
