set -uo pipefail
say() { echo "[$(date '+%F %T')] job $SLURM_JOB_ID, restart ${SLURM_RESTART_COUNT:-0}: $*"; }

# Set the traps before anything slow: a signal without a trap ends this script, and Slurm counts that as a failure.
num_signals=0 is_cancelled="" lost="" driver="" killer=""
stop_driver() {
  num_signals=$((num_signals + 1))
  say "$1"
  [ -n "$driver" ] || return 0
  kill -USR1 "$driver" 2>/dev/null
  # This loses nothing: the journal and the checkpoints hold every step.
  [ -n "$killer" ] || { (sleep "$patience_s" && kill -KILL "$driver") >/dev/null 2>&1 & killer=$!; }
}
trap 'stop_driver "stopping: the time limit is near, or a job of higher priority needs the nodes"' USR1
trap 'is_cancelled=yes; stop_driver "stopping: cancelled or requeued"' TERM
trap 'lost=$(cat "$run_dir/lost-$SLURM_JOB_ID" 2>/dev/null); stop_driver "stopping: ${lost:=a part of Ray was lost}"' USR2

if [ -n "$setup" ]; then
  set +u # modules and environments often read variables that are not set
  # shellcheck source=/dev/null
  . "$setup" || { say "cluster.setup=$setup failed"; exit 2; }
  set -u
fi

# One token per study: only users who can read the file can use this Ray.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$run_dir/ray-token
[ -s "$RAY_AUTH_TOKEN_PATH" ] ||
  (umask 077 && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$RAY_AUTH_TOKEN_PATH")
chmod 600 "$RAY_AUTH_TOKEN_PATH"
# One line for each time that this job requeues itself: Slurm's own count includes preemptions and lost nodes.
requeues=$run_dir/requeues-$SLURM_JOB_ID
[ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] || rm -f "$requeues" # left by an earlier job with the same number
export COLUMNS=${COLUMNS:-140} # of the tables in the log
# Ray's settings from the top, and one that only this script needs.
export "${!RAY_@}" DASHBOARD_METRIC_PORT AUTOSCALER_METRIC_PORT RAY_gcs_rpc_server_reconnect_timeout_s=10

# Explicit addresses: by default, Ray asks a public name server to find its own.
my_address() {
  local found
  found=$(getent ahostsv4 "$SLURMD_NODENAME" | awk '$1 !~ /^127\./ { print $1; exit }')
  [ -n "$found" ] || found=$(hostname -I | awk '{ print $1 }')
  echo "$found"
}
start_ray() {
  # Ports that the system chooses: another Ray on the same host has its own.
  exec "${container[@]}" "$python" -m paretoseg.cluster.start_ray --block --node-ip-address="$(my_address)" \
    --dashboard-agent-listen-port=0 --min-worker-port=0 --max-worker-port=0 \
    --num-cpus="$cpus" --num-gpus="$gpus" --object-store-memory="$object_store_bytes" "$@"
}
# Which of these nodes are down. Slurm's own word: a host that only this one cannot reach may be well.
list_down_nodes() {
  timeout 20 scontrol show node "$1" 2>/dev/null | awk '
    /^NodeName=/ { name = substr($1, 10) }
    /^ *State=/ && $1 ~ /DOWN|NOT_RESPONDING|[*]/ { print name }'
}
# On every other node, as long as the job lives: Ray that ends is started again, but not for ever.
start_worker() {
  local ray="" failures=0 since code
  trap '[ -z "$ray" ] || kill -TERM "$ray"; exit 0' TERM
  if [ ! -s "$RAY_AUTH_TOKEN_PATH" ]; then
    echo "$(hostname): $RAY_AUTH_TOKEN_PATH is missing; the study must be on a disk that all nodes share" >&2
    exit 1
  fi
  while :; do
    since=$SECONDS
    # shellcheck disable=SC2016 # for the inner shell
    until timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "${RAY_ADDRESS%:*}" "${RAY_ADDRESS##*:}" 2>/dev/null; do
      # With the first node, the script is gone that would requeue the job. Slurm would let the job live on.
      if [ $((SECONDS - since)) -ge 10 ]; then
        since=$SECONDS
        if [ -n "$(list_down_nodes "$head_node")" ]; then
          echo "$(hostname): the node of the head, $head_node, is down"
          scontrol requeue "$SLURM_JOB_ID" && echo "$(hostname): requeued"
        fi
      fi
      sleep 0.5
    done
    echo "$(hostname): Ray starts"
    since=$SECONDS
    start_ray --address="$RAY_ADDRESS" &
    ray=$!
    wait "$ray"
    code=$?
    echo "$(hostname): Ray ended with exit code $code"
    [ $((SECONDS - since)) -lt 300 ] || failures=0
    failures=$((failures + 1))
    if [ "$failures" = 5 ]; then
      echo "$(hostname): Ray ended 5 times in a row within 5 minutes of its start; it is not started again here" >&2
      exit 1
    fi
    sleep 2
  done
}
lose() { # the search cannot go on with this Ray; the reason
  echo "$1" >"$run_dir/lost-$SLURM_JOB_ID"
  kill -USR2 $$
}
# In the background: the head of Ray. It is tried again if it fails before it is up, as on a host that is very busy.
run_head() {
  local head="" tries log=$run_dir/ray-head.log
  trap '[ -z "$head" ] || kill -TERM "$head"; exit 0' TERM
  for tries in 1 2 3; do
    (RAY_ADDRESS="" start_ray --head --port="$port" --include-dashboard=false --no-monitor) >"$log" 2>&1 &
    head=$!
    wait "$head"
    ! grep -q "Ray runtime started" "$log" || break
    [ "$tries" = 3 ] || sleep 1
  done
  lose "the head of Ray ended; $log says why"
}
# In the background: the step on the other nodes. It is tried again if it ends, on the nodes that are not down.
run_workers() {
  local step="" tries=0 since down="" num_up=$num_workers log=$run_dir/ray-workers.log
  trap '[ -z "$step" ] || kill -TERM "$step"; exit 0' TERM
  : >"$log"
  while :; do
    since=$SECONDS
    srun --export=ALL --no-kill --kill-on-bad-exit=0 --exclude="$SLURMD_NODENAME${down:+,$down}" --nodes="$num_up" \
      --ntasks="$num_up" --ntasks-per-node=1 --cpus-per-task="$cpus" ${gpu_option:+"$gpu_option"} "${srun_options[@]}" \
      bash -c "$(declare -p container); $(declare -f my_address start_ray list_down_nodes start_worker)
        [ -z \"\$setup\" ] || . \"\$setup\" || { echo \"\$(hostname): cluster.setup=\$setup failed\" >&2; exit 1; }
        start_worker" \
      >>"$log" 2>&1 &
    step=$!
    wait "$step"
    say "the step on the other nodes failed: $(grep -v '^$' "$log" | tail -n 1)"
    [ $((SECONDS - since)) -lt 300 ] || tries=0
    tries=$((tries + 1))
    down=$(list_down_nodes "$SLURM_JOB_NODELIST" | grep -vxF "$SLURMD_NODENAME" | paste -s -d ,)
    num_up=$((num_workers - $(tr , ' ' <<<"$down" | wc -w)))
    [ "$tries" -lt 3 ] && [ "$num_up" -gt 0 ] || break
    sleep 3
  done
  if grep -q "Ray runtime started" "$log"; then
    say "the search goes on without the other nodes${down:+; Slurm calls $down down}"
  elif [ -n "$down" ]; then
    lose "Ray could not be started on the other nodes, as Slurm calls $down down"
  else
    lose "no Ray could be started on the other nodes; $log says why"
  fi
}

# Head and driver run in this script, on the first node, not in a step: at a preemption Slurm ends steps immediately.
head_address=$(my_address)
# Below Linux's ephemeral ports. It changes with every restart, because the head of the
# previous run may still hold its port.
port=$((20000 + (SLURM_JOB_ID + 4001 * ${SLURM_RESTART_COUNT:-0}) % 12000))
while (exec 3<>"/dev/tcp/$head_address/$port") 2>/dev/null; do
  port=$((20000 + (port - 20000 + 1) % 12000)) # that of another job
done
export RAY_ADDRESS=$head_address:$port
# Without a head, a search would wait forever; the next start of this job has another port, and maybe another node.
rm -f "$run_dir/lost-$SLURM_JOB_ID"
run_head &
ray_head=$!
ray_workers="" num_workers=$((SLURM_JOB_NUM_NODES - 1))
if [ "$num_workers" -gt 0 ]; then
  export python cpus gpus object_store_bytes setup head_node=$SLURMD_NODENAME
  run_workers &
  ray_workers=$!
fi

code=75
if [ "$num_signals" = 0 ]; then
  say "searching on $SLURM_JOB_NUM_NODES node(s), $SLURM_JOB_NODELIST; Ray's logs are $run_dir/ray-*.log"
  "${search[@]}" &
  driver=$!
  # Pass on a signal that came before the driver existed. The driver cannot handle it in its first second either.
  [ "$num_signals" = 0 ] || [ -n "$killer" ] || {
    sleep 1
    [ -n "$killer" ] || stop_driver "stopping: signalled while starting"
  }
  while :; do # a signal interrupts `wait`
    seen=$num_signals
    wait "$driver"
    waited=$?
    [ "$waited" = 127 ] || code=$waited
    [ "$seen" != "$num_signals" ] || break
  done
  driver=""
  # Ended by SIGUSR1 before it could handle it, or by SIGKILL because it did not stop: the study can be resumed.
  if [ "$num_signals" -gt 0 ] && { [ "$code" = 138 ] || [ "$code" = 137 ]; }; then code=75; fi
  # A search that lost its Ray may fail in any way: only its own results count.
  [ -z "$lost" ] || case $code in 0 | 3 | 74) ;; *) code=75 ;; esac
  # Where Ray cannot be started on nodes that are up, the next start would fail in the same way.
  case $code-$lost in 75-"no Ray could"*) code=2 ;; esac
fi
say "the search ended with exit code $code"
rm -f "$run_dir/lost-$SLURM_JOB_ID"
[ -z "$killer" ] || kill "$killer" 2>/dev/null
kill -TERM "$ray_head" ${ray_workers:+"$ray_workers"} 2>/dev/null

if [ "$code" = 75 ] && [ -z "$is_cancelled" ]; then
  num_requeues=0
  [ ! -f "$requeues" ] || num_requeues=$(wc -l <"$requeues")
  if [ "$num_requeues" -ge "$max_restarts" ]; then
    say "work is left, but cluster.max_restarts=$max_restarts is reached; submit the study again to continue"
  elif ! date '+%F %T' >>"$requeues"; then
    say "work is left, but $requeues cannot be written; submit the study again to continue"
  else
    say "work is left: asking Slurm to requeue this job"
    if reason=$(scontrol requeue "$SLURM_JOB_ID" 2>&1); then
      say "work is left: requeued"
      sleep 60 # Slurm ends this script here
    elif [ -z "$is_cancelled" ]; then # else Slurm ended scontrol together with the job
      say "work is left, but scontrol requeue failed: $reason; submit the study again to continue"
    fi
  fi
fi
exit "$code"
