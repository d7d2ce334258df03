# What a completion offers: complete.bash FILE PROGRAM COMMAND BEGIN prints the words, with blanks between.
source "$1"
COMP_WORDS=("$2" "$3" "$4")
COMP_CWORD=2
"_${2//-/_}"
echo "${COMPREPLY[*]}"
