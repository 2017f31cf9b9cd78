# What runs on a machine while one of our ssh commands lasts: a small server of verbs, the same for
# every machine and every purpose. All that varies comes on its standard input, is read into
# variables and stays there: nothing from outside becomes code.
#
# Each verb is a line, its arguments are lines behind it, and every answer is lines that begin with
# a mark, the last `MARK done`. What login scripts print has no mark. The caller speaks only when
# the answer before is complete, so a `head` that reads ahead finds nothing to read.
set -f
mask=$(umask)
umask 077
say() { printf '%s %s\n' "$mark" "$*"; }
arg() { IFS= read -r "$1" || exit 0; }
# A secret as text. Where printf is a program of its own, everybody could see what it is given.
tell() {
  [ -n "$1" ] || return 0
  if [ "$(command -v printf)" = printf ]; then printf '%s' "$1"; return; fi
  cat <<END
$1
END
}
text_of() { head -c 4096 "$1" 2>/dev/null | tr '\n\r\0' '   '; }

# Start time of a process in clock ticks since boot, field 22 of proc(5) stat; fails when it is gone.
# What is asked again and again starts no program. The name of a process may hold line ends.
began() {
  stat=
  { while IFS= read -r line; do stat="$stat $line"; done <"/proc/$1/stat"; } 2>/dev/null
  set -- ${stat##*) }
  [ -n "$1" ] && [ "$1" != Z ] && [ "$1" != X ] && printf '%s' "${20}"
}
lives() {
  if [ -r /proc/self/stat ]; then [ "$(began "$1")" = "$2" ]; else kill -0 "$1" 2>/dev/null; fi
}
runs() {
  if [ -r /proc/self/stat ]; then began "$1" >/dev/null; else kill -0 "$1" 2>/dev/null; fi
}
# openssl first: it knows the instructions that processors have for this, four times as fast as
# most builds of the others.
digest() {
  openssl dgst -sha256 -r <"$1" 2>/dev/null || sha256sum <"$1" 2>/dev/null || shasum -a 256 <"$1"
}
unpack() {
  case $1 in
    gzip) gzip -dc ;;
    zstd) zstd -dc ;;
    *) cat ;;
  esac
}

set -- $(uname -snm)
host=$2
system=$1
shift 2
platform="$system $*"
realm=
[ ! -r /proc/sys/kernel/random/boot_id ] || IFS= read -r realm </proc/sys/kernel/random/boot_id
space=$(readlink /proc/self/ns/pid 2>/dev/null) && realm="$realm $space"
entry="{\"host\":\"$host\",\"pid\":$$,\"realm\":\"$realm\",\"startTime\":\"$(began $$)\",\"worker\":\"\"}"
locked= marked= waiter=
cleanup() {
  [ -z "$waiter" ] || forget_waiter
  [ -z "$marked" ] || rm -f "bin/.seen-$nonce"
  [ -z "$locked" ] || [ "$(text_of "$locked")" != "$entry" ] || rm -f "$locked"
  [ -z "$locked" ] || rm -f "${locked%.lock}.$nonce.part"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM PIPE

do_facts() {
  say platform "$platform"
  say host "$host"
  say realm "$realm"
  say client "${SSH_CONNECTION%% *}"
  for tool in gzip zstd; do ! command -v "$tool" >/dev/null 2>&1 || say unpacks "$tool"; done
}

# Goes into the worker's directory. Only the usual one is made with its parents: what was named and
# is not there may be a disk that is not mounted.
do_enter() {
  arg dir
  case $dir in
    '') dir=${XDG_CACHE_HOME:-$HOME/.cache}/windrow; parents=-p ;;
    '~') dir=$HOME; parents= ;;
    '~/'*) dir=$HOME/${dir#'~/'}; parents= ;;
    *) parents= ;;
  esac
  say directory "$dir"
  # Another start may be making them in this very moment.
  [ -d "$dir" ] || reason=$(mkdir $parents "$dir" 2>&1) || [ -d "$dir" ] ||
    { say fault "$(why_not_made)" "$reason"; return; }
  reason=$(cd "$dir" 2>&1) || { say fault unwritable "$reason"; return; }
  cd "$dir" || return
  [ -d bin ] || reason=$(mkdir bin 2>&1) || [ -d bin ] ||
    { say fault "$(why_not_written)" "$reason"; return; }
  try=bin/.try-$nonce
  if ! reason=$( { printf '#!/bin/sh\nexit 0\n' >"$try"; } 2>&1 ); then
    why=$(why_not_written)
    rm -f "$try"
    say fault "$why" "$reason"
    return
  fi
  chmod 700 "$try"
  "./$try" 2>/dev/null || say fault noexec "programs in $dir cannot be executed"
  rm -f "$try"
  say room "$(room)"
}
room() {
  df -Pk . 2>/dev/null | { read -r line && read -r line line line left line && printf '%s' "$left"; }
}
why_not_made() {
  parent=$(dirname "$dir")
  if [ -n "$parents" ]; then parent=$HOME; fi
  if [ ! -d "$parent" ]; then echo missing; return; fi
  (cd "$parent" && why_not_written)
}
why_not_written() {
  left=$(room)
  if [ -w . ] && [ "${left:-64}" -lt 64 ]; then echo full; else echo unwritable; fi
}

# As enter, for who only looks: nothing is made.
do_visit() {
  arg dir
  case $dir in
    '') dir=${XDG_CACHE_HOME:-$HOME/.cache}/windrow ;;
    '~') dir=$HOME ;;
    '~/'*) dir=$HOME/${dir#'~/'} ;;
  esac
  say directory "$dir"
  if cd "$dir" 2>/dev/null; then say inside; fi
}

# Listing makes NFS look anew. A digest is compared only where one is given.
do_look() {
  arg name
  arg bytes
  arg wanted
  ls bin >/dev/null 2>&1
  [ -f "$name" ] && [ "$(wc -c <"$name")" -eq "$bytes" ] || return
  found=$wanted
  [ -z "$wanted" ] || found=$(digest "$name")
  if [ "${found%% *}" = "$wanted" ]; then say there; fi
}
do_drop() { arg name; rm -f "$name"; }
do_mark() { marked=yes; : >"bin/.seen-$nonce" && say marked; }
do_see() {
  arg count
  while [ "$count" -gt 0 ]; do
    arg other
    [ ! -e "bin/.seen-$other" ] || say sees "$other"
    count=$((count - 1))
  done
}

# Locks are as the worker makes them: whole from their first moment, because a link makes them.
has_made_lock() {
  ln "$draft" "$1" 2>/dev/null || { [ ! -e "$1" ] && (set -C; cat "$draft" >"$1") 2>/dev/null; }
}
do_take() {
  arg lock
  draft=$lock.$$.$nonce
  if ! reason=$( { printf '%s' "$entry" >"$draft"; } 2>&1 ); then
    why=$(why_not_written)
    rm -f "$draft"
    say fault "$why" "$reason"
    return
  fi
  if has_made_lock "$lock"; then
    locked=$lock
    say taken
  else
    say held "$(text_of "$lock")"
    set +f
    for part in "${lock%.lock}".*.part; do [ ! -f "$part" ] || say part "$(wc -c <"$part")"; done
    set -f
  fi
  rm -f "$draft"
}
# Under a second lock, as the worker does it: nobody may replace what was looked at before it is removed.
do_break() {
  arg lock
  arg stale
  draft=$lock.$$.$nonce
  if printf '%s' "$entry" 2>/dev/null >"$draft" && has_made_lock "$lock.breaking"; then
    [ "$(text_of "$lock")" != "$stale" ] || rm -f "$lock"
    rm -f "$lock.breaking"
  else
    say held "$(text_of "$lock.breaking")"
  fi
  rm -f "$draft"
}
do_free() {
  [ "$(text_of "$locked")" != "$entry" ] || rm -f "$locked"
  locked=
}
do_life() {
  arg pid
  say began "$(began "$pid")"
}

# The conversation ends when it fails: what is still on its way would be taken for verbs.
do_receive() {
  arg name
  arg encoding
  arg sent
  arg bytes
  arg wanted
  arg tag
  set +f
  rm -f "$name".*.part
  set -f
  draft=$name.$nonce.part
  say send
  reason=$( { head -c "$sent" | unpack "$encoding" >"$draft"; } 2>&1 )
  got=$(wc -c <"$draft" 2>/dev/null)
  if [ "${got:-0}" -ne "$bytes" ]; then
    why=$(why_not_written)
    rm -f "$draft"
    say fault "$why" "$reason"
    say 'done'
    exit 1
  fi
  found=$(digest "$draft")
  if [ "${found%% *}" != "$wanted" ]; then
    rm -f "$draft"
    say fault damaged "${found%% *}"
    return
  fi
  # What nobody was started from for a quarter of a year.
  find bin -type f -name 'windrow-*' -mtime +90 -exec rm -f {} + 2>/dev/null
  chmod 700 "$draft"
  if reason=$(mv -f "$draft" "$name" 2>&1); then
    [ -z "$tag" ] || : >"$name.by-$tag"
    say placed
  else
    say fault unwritable "$reason"
  fi
}

# Where logind ends what a session leaves behind, a scope of the user's own manager is spared.
keeper() {
  set -- org.freedesktop.login1
  set -- "$1" /org/freedesktop/login1 "$1.Manager" KillUserProcesses
  [ "$(busctl get-property "$@" 2>/dev/null)" = 'b true' ] && command -v systemd-run >/dev/null 2>&1
}

# The worker gets a session of its own, no terminal, and none of our descriptors. The answer comes when it
# has reported, or has ended without: one waits for its end, and the first of both is heard. The pipe is
# open for writing here too, so that reading it waits for a line, not for somebody to open it.
do_launch() {
  arg program
  arg log
  arg report
  arg document
  arg count
  set --
  while [ "$count" -gt 0 ]; do arg word; set -- "$@" "$word"; count=$((count - 1)); done
  set -- "./$program" "$@"
  touch -c "$program"
  [ -d "${log%/*}" ] || mkdir -p "${log%/*}" || return
  log_start=0
  [ ! -s "$log" ] || log_start=$(wc -c <"$log")
  if [ "$log_start" -gt 4194304 ]; then mv -f "$log" "$log.1"; log_start=0; fi
  command -v setsid >/dev/null 2>&1 && set -- setsid "$@"
  keeper && set -- systemd-run --user --scope --quiet --collect "$@"
  mkfifo "$report" 2>/dev/null && exec 9<>"$report"
  (
    { tell "$document"; echo; } | { umask "$mask"; exec "$@"; } >>"$log" 2>&1
    code=$?
    [ ! -p "$report" ] || echo "ended $code" 1<>"$report"
    exit "$code"
  ) >/dev/null 2>&1 9<&- &
  waiter=$!
  document=
  hear
  case $said in
    'ended '*) launch_ended "${said#ended }" ;;
    *) say report "$said" ;;
  esac
}
# Where a directory cannot hold pipes the report is a file. It is looked for after the process: one that
# has ended may just have written it.
hear() {
  if [ -p "$report" ]; then
    IFS= read -r said <&9
    exec 9<&-
  else
    while runs "$waiter" && [ ! -s "$report" ]; do sleep 1; done
    said=$(text_of "$report")
    [ -n "$said" ] || { wait "$waiter"; said="ended $?"; }
  fi
  forget_waiter
}
forget_waiter() {
  { kill -s KILL "$waiter"; wait "$waiter"; } 2>/dev/null
  waiter=
  rm -f "$report"
}
launch_ended() {
  say ended "$1"
  tail -c "+$((log_start + 1))" "$log" | tail -n 12 | while IFS= read -r line; do say line "$line"; done
}

do_locks() {
  set +f
  for lock in */worker.lock; do [ ! -f "$lock" ] || say lock "$(text_of "$lock")"; done
  set -f
}
do_signal() {
  arg signal
  arg pid
  arg start
  if lives "$pid" "$start" && kill -s "$signal" "$pid"; then say sent; fi
}
do_lives() {
  arg pid
  arg start
  if lives "$pid" "$start"; then say yes; fi
}

# The last verb of a conversation. When the connection goes, so does the command. Its output may end
# without a newline; the empty line that comes then is not its own.
do_run() {
  arg bytes
  say send
  text=$(head -c "$bytes"; echo x)
  input=
  watched sh -c "${text%x}"
}

# Our own program in the foreground. What it reads is secret.
do_windrow() {
  arg program
  arg input
  arg count
  set --
  while [ "$count" -gt 0 ]; do arg word; set -- "$@" "$word"; count=$((count - 1)); done
  input="$input
"
  watched "./$program" "$@"
}
watched() {
  group=
  if command -v setsid >/dev/null 2>&1; then group=-; set -- setsid "$@"; fi
  exec 3<&0
  tell "$input" | (umask "$mask"; exec "$@") 3<&- &
  pid=$!
  { cat <&3 >/dev/null; kill -s TERM -- "$group$pid"; } >/dev/null 2>&1 &
  watcher=$!
  exec 3<&-
  wait "$pid"
  code=$?
  kill "$watcher"
  printf '\n%s exit %s\n' "$mark" "$code"
}

say ready
while IFS= read -r verb; do
  case $verb in
    facts | enter | visit | look | drop | mark | see | take | break | free | life | receive) "do_$verb" ;;
    launch | locks | signal | lives | run | windrow) "do_$verb" ;;
    *) exit 2 ;;
  esac
  say 'done'
done
