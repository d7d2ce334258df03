# What a completion gives to zsh: complete.zsh FILE PROGRAM COMMAND prints the specifications for _arguments, a line each.
_arguments() { print -rl -- "$@" }
_describe() { print -rl -- ${(P)2} }
words=("$2" "$3" "")
CURRENT=3
completion=$1
set --
source $completion
