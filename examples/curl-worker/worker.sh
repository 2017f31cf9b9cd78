#!/bin/sh
# A worker for Windrow that needs nothing but a POSIX shell, curl and the usual small tools.
#
#   worker.sh SERVER-URL SESSION-FILE [DIRECTORY]
#
# It takes one task after the other until the job is finished. The session never appears in a
# command line. Exit status: 0 the job is finished, 1 it could not go on, 2 wrong usage.
#
#   WINDROW_NAME     what this worker is called in the server's statistics (the host name)
#   WINDROW_GIVE_UP  seconds without an answer after which it ends (300)
#   WINDROW_PUT_HERE yes: this script was copied here for the session, and is removed at the end if
#                    the server says so (DeleteClient)

set -u
umask 077

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  echo "usage: ${0##*/} SERVER-URL SESSION-FILE [DIRECTORY]" >&2
  exit 2
fi

server=${1%/}
session_file=$2
top=${3:-${TMPDIR:-/tmp}}
host=$(uname -n)
name=${WINDROW_NAME:-$host}
give_up=${WINDROW_GIVE_UP:-300}
platform=$(uname -sm)

# Lengths are counted in bytes; the programs keep the user's own language.
user_locale=${LC_ALL-}
LC_ALL=C
export LC_ALL

say() {
  printf 'worker: %s\n' "$*" >&2
}

die() {
  say "$*"
  exit 1
}

[ -r "$session_file" ] || die "cannot read $session_file"
mkdir -p -- "$top" || die "cannot make $top"
# Programs are run from other directories: every path must be absolute.
top=$(cd -- "$top" && pwd) || die "cannot enter $top"
home=$(mktemp -d "$top/windrow-worker.XXXXXX") || die "cannot make a directory in $top"
programs=$top/windrow-programs
fetched=
held=
delete_client=No
ticket=
program=
watcher=
task=$home/task
work=$home/work
answer=$home/answer
headers=$home/headers
verdict=$home/verdict
printf 'header = "Authorization: Bearer %s"\n' "$(cat "$session_file")" >"$home/curl"

# ---------------------------------------------------------------- processes

# The program and all it started. With setsid it has a process group of its own; without (macOS)
# its descendants are looked up.
signal_tree() { # PID SIGNAL
  if [ -n "$setsid" ]; then
    kill -s "$2" -- "-$1" 2>/dev/null
    return
  fi
  for one in $(ps -A -o pid= -o ppid= | awk -v root="$1" '
    { parent[$1] = $2 }
    END {
      for (pid in parent) {
        at = pid
        while (at in parent && at != root && at > 1) at = parent[at]
        if (at == root) print pid
      }
    }'); do
    kill -s "$2" "$one" 2>/dev/null
  done
}

stop_tree() { # PID
  signal_tree "$1" TERM
  waited=0
  while [ "$waited" -lt 5 ] && kill -0 "$1" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
  done
  signal_tree "$1" KILL
}

if command -v setsid >/dev/null 2>&1; then setsid=setsid; else setsid=; fi

clean_up() {
  trap '' EXIT HUP INT TERM
  [ -z "$watcher" ] || kill "$watcher" 2>/dev/null
  if [ -n "$program" ]; then
    stop_tree "$program"
    request "$server/failed" --data-urlencode "ticket=$ticket" --data-urlencode 'reason=cancelled'
  fi
  [ -z "$held" ] || release_lock
  [ -z "$fetched" ] || [ "$delete_worker" != Yes ] || rm -f -- "$fetched"
  [ "$delete_client" != Yes ] || [ "${WINDROW_PUT_HERE-}" != yes ] || rm -f -- "$0"
  chmod -R u+rwx -- "$home" 2>/dev/null
  rm -rf -- "$home"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# ----------------------------------------------------------------- requests

# One GET; parameters as further arguments. Sets $status (000: no answer at all).
request() { # URL [CURL-OPTION…]
  request_url=$1
  shift
  status=$(curl -s -G -K "$home/curl" -o "$answer" -D "$headers" -w '%{http_code}' \
    --connect-timeout 10 --speed-limit 1 --speed-time 60 "$@" "$request_url") || status=000
}

# Streams the results; curl's own way of posting a file would hold it in memory.
post_results() {
  status=$(curl -s -X POST -T "$home/results" -K "$home/curl" -o "$answer" -D "$headers" \
    -w '%{http_code}' -H 'Content-Type: application/octet-stream' \
    --connect-timeout 10 --speed-limit 1 --speed-time 60 \
    "$server/complete?ticket=$ticket") || status=000
}

retry_after() {
  awk 'tolower($1) == "retry-after:" && $2 + 0 > 0 { s = int($2) } END { if (s) print s }' "$headers"
}

# Sends something until it is answered: a server that is being restarted comes back.
insist() { # FUNCTION [ARGUMENT…]
  silent_since=$(date +%s)
  pause=1
  while :; do
    "$@"
    case $status in
    000 | 5?? | 408 | 429) ;;
    *) return 0 ;;
    esac
    # 503 is an answer to /task: the caller knows what to do with it.
    [ "$status" != 503 ] || return 0
    [ $(($(date +%s) - silent_since)) -lt "$give_up" ] || die "no good answer for $give_up s ($status)"
    wait_s=
    [ "$status" = 000 ] || wait_s=$(retry_after)
    sleep "${wait_s:-$pause}"
    [ "$pause" -ge 30 ] || pause=$((pause * 2))
  done
}

refused() {
  die "the server refuses with $status: $(head -c 500 "$answer" | tr -d '\000-\010\013-\037\177')"
}

# --------------------------------------------------- configuration, program

setting() { # KEY
  sed -n "s/^$1=//p" "$answer" | head -n 1
}

md5_of() { # FILE
  if command -v md5sum >/dev/null 2>&1; then md5sum <"$1"; else md5 -q <"$1"; fi | cut -c 1-32
}

configure() {
  insist request "$server/config" --data-urlencode "platform=$platform"
  [ "$status" = 200 ] || refused
  delete_worker=$(setting DeleteWorker)
  delete_client=$(setting DeleteClient)
  ping_s=$(setting Ping)
  ping_s=${ping_s:-0}
  program_name=$(setting Worker)
  program_md5=$(setting MD5)
  case $program_name in
  */* | . | ..) die "the program has an impossible name: $program_name" ;;
  esac
}

# Fetched once for all workers that share this directory: under a lock, verified, then renamed.
fetch_program() {
  [ -n "$program_name" ] || return 0
  mkdir -p -- "$programs"
  target=$programs/$program_md5
  lock=$target.lock
  seen= looks=0
  until [ -x "$target" ]; do
    # O_EXCL, as POSIX has it for set -C: of many exactly one makes the file.
    if (set -C && echo "$host $$" >"$lock") 2>/dev/null; then
      held=$lock
      download_program
      release_lock
    else
      wait_for_lock
    fi
  done
}

# The lock holds host and pid. Here the process itself is looked for. Of one on another machine only
# what it writes can be seen: as long as that grows, by whose looks and clock ever, it lives.
wait_for_lock() {
  holder=$(cat "$lock" 2>/dev/null)
  progress="$holder $(ls -l "$target".part.* 2>/dev/null | awk '{ sum += $5 } END { print sum }')"
  if [ "$progress" = "$seen" ]; then looks=$((looks + 1)); else seen=$progress looks=0; fi
  if [ "$looks" -ge 60 ] || holder_is_gone; then break_lock; else sleep 1; fi
}

holder_is_gone() {
  case $holder in
  "$host "*) ! kill -0 "${holder#* }" 2>/dev/null ;;
  *) return 1 ;;
  esac
}

# Another may have broken it, and taken it, in between: then it is put back.
break_lock() {
  mv -- "$lock" "$home/stale" 2>/dev/null || return 0
  [ "$(cat "$home/stale")" = "$holder" ] || ln -- "$home/stale" "$lock" 2>/dev/null
  rm -f -- "$home/stale" "$target".part.*
}

release_lock() {
  [ "$(cat "$held" 2>/dev/null)" != "$host $$" ] || rm -f -- "$held"
  rm -f -- "$target.part.$host.$$"
  held=
}

download_program() {
  [ ! -x "$target" ] || return 0
  draft=$target.part.$host.$$
  text_answer=$answer
  answer=$draft
  insist request "$server/worker" --data-urlencode "name=$program_name" \
    --data-urlencode "platform=$platform"
  [ "$status" = 200 ] || refused
  answer=$text_answer
  [ "$(md5_of "$draft")" = "$program_md5" ] || die "the program came damaged"
  chmod 700 "$draft"
  mv -- "$draft" "$target" || die "the program could not be put into place"
  fetched=$target
}

# --------------------------------------------------------------------- task

line_at() { # BYTE
  tail -c "+$(($1 + 1))" "$task" | head -n 1
}

# Reads the task by byte positions, so that inputs may hold anything. Sets $ticket, $timeout,
# $command; writes inputs into $work and two lines for each result into $home/wanted.
read_task() {
  ticket= timeout=0 command= section=head file= length= offset=0
  : >"$home/wanted"
  size=$(wc -c <"$task")
  while [ "$offset" -lt "$size" ]; do
    line=$(line_at "$offset")
    offset=$((offset + ${#line} + 1))
    case $section:$line in
    *:'[Input]') section=input file= length= ;;
    *:'[Result]') section=result ;;
    head:Ticket=*) ticket=${line#*=} ;;
    head:Timeout=*) timeout=${line#*=} ;;
    head:CommandLine=*) command=${line#*=} ;;
    input:File=*) file=${line#*=} ;;
    input:Length=*) length=${line#*=} ;;
    input:'--begin content--') take_input || return 1 ;;
    result:Name=* | result:File=*) printf '%s\n' "${line#*=}" >>"$home/wanted" ;;
    esac
  done
  case $ticket in
  '' | *[!0-9]*) return 1 ;;
  esac
  [ -n "$command" ] && [ -s "$home/wanted" ]
}

take_input() {
  case /$file/ in
  // | //* | */../*) return 1 ;;
  esac
  case $length in
  '' | *[!0-9]*) return 1 ;;
  esac
  case $file in
  */*) mkdir -p -- "$work/${file%/*}" || return 1 ;;
  esac
  tail -c "+$((offset + 1))" "$task" | head -c "$length" >"$work/$file" || return 1
  offset=$((offset + length + 1))
  [ "$(line_at "$offset")" = '--end content--' ] || return 1
  offset=$((offset + 16))
}

# Beside the program: pings, and stops it when its ticket has expired or its time is over.
watch_program() { # PID
  started=$(date +%s)
  pinged=$started
  while sleep 1 && kill -0 "$1" 2>/dev/null; do
    now=$(date +%s)
    if [ "$timeout" -gt 0 ] && [ $((now - started)) -ge "$timeout" ]; then
      echo timeout >"$verdict"
      stop_tree "$1"
      return
    fi
    if [ "$ping_s" -gt 0 ] && [ $((now - pinged)) -ge "$ping_s" ]; then
      pinged=$now
      pong=$(curl -s -G -K "$home/curl" -o /dev/null -w '%{http_code}' --max-time 30 \
        --data-urlencode "ticket=$ticket" "$server/ping")
      if [ "$pong" = 205 ]; then
        echo expired >"$verdict"
        stop_tree "$1"
        return
      fi
    fi
  done
}

run_program() {
  rm -f -- "$verdict"
  (
    cd "$work" || exit 126
    if [ -n "$user_locale" ]; then LC_ALL=$user_locale; else unset LC_ALL; fi
    WINDROW_TICKET=$ticket WINDROW_SCRATCH=$work
    export WINDROW_TICKET WINDROW_SCRATCH
    umask 022
    exec $setsid sh -c "$command"
  ) </dev/null >"$home/stdout" 2>"$home/stderr" &
  program=$!
  watch_program "$program" >/dev/null 2>&1 &
  watcher=$!
  wait "$program"
  code=$?
  kill "$watcher" 2>/dev/null
  wait "$watcher" 2>/dev/null
  # What it left running is no result of it.
  signal_tree "$program" KILL
  watcher= program=
}

# Writes the body of /complete; returns 1 with $missing when a result is not there.
gather_results() {
  : >"$home/results"
  while IFS= read -r result && IFS= read -r source; do
    found=
    case $source in
    stdout | stderr) add_result "$result" "$source" "$home/$source" ;;
    *[*?[]*)
      # Unquoted on purpose: the pattern is expanded, and split at nothing.
      IFS=
      set +f
      for match in "$work"/$source; do
        [ ! -f "$match" ] || add_result "$result" "${match#"$work"/}" "$match"
      done
      unset IFS
      ;;
    *) [ ! -f "$work/$source" ] || add_result "$result" "$source" "$work/$source" ;;
    esac
    if [ -z "$found" ]; then
      missing=$result
      return 1
    fi
  done <"$home/wanted"
}

add_result() { # NAME FILE PATH
  found=yes
  {
    printf '[Result]\nName=%s\nFile=%s\nLength=%s\n' "$1" "$2" "$(($(wc -c <"$3")))"
    printf -- '--begin content--\n'
    cat -- "$3"
    printf -- '\n--end content--\n'
  } >>"$home/results"
}

fail_task() { # REASON
  say "task $ticket failed: $1"
  insist request "$server/failed" --data-urlencode "ticket=$ticket" --data-urlencode "reason=$1"
}

do_task() {
  chmod -R u+rwx -- "$work" 2>/dev/null
  rm -rf -- "$work"
  mkdir -- "$work" || die "cannot make $work"
  if ! read_task; then
    case $ticket in
    '' | *[!0-9]*) die "the server sent no task that can be read" ;;
    esac
    fail_task 'stage-in the task could not be read'
    return
  fi
  [ -z "$program_name" ] || [ -e "$work/$program_name" ] || ln -s "$target" "$work/$program_name"
  run_program
  end_task
}

end_task() {
  case $(cat "$verdict" 2>/dev/null) in
  expired)
    say "task $ticket is not wanted any more"
    return
    ;;
  timeout)
    fail_task "timeout after $timeout s"
    return
    ;;
  esac
  if [ "$code" -gt 128 ]; then
    fail_task "signal $((code - 128))"
  elif [ "$code" -ne 0 ]; then
    fail_task "exit-code $code $(tail -n 1 "$home/stderr" | cut -c 1-500 | tr -d '\000-\037\177')"
  elif gather_results; then
    insist post_results
    [ "$status" = 200 ] || fail_task "stage-out the results were refused with $status"
  else
    fail_task "missing-result $missing"
  fi
}

# --------------------------------------------------------------------- loop

while :; do
  configure
  fetch_program
  insist request "$server/task" --data-urlencode "worker=$name"
  case $status in
  200)
    mv -- "$answer" "$task"
    # The job may have come between the two requests, and with it a program.
    if [ -z "$program_name" ]; then
      configure
      fetch_program
    fi
    do_task
    ;;
  503)
    pause=$(retry_after)
    [ -n "$pause" ] || break
    sleep "$pause"
    ;;
  *) refused ;;
  esac
done
say 'the job is finished'
