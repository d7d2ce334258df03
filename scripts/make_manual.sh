#!/bin/sh
# Writes a program's manual page and its completions for bash, fish and zsh, from what its --help says, so that they list
# the options that it has.
#   scripts/make_manual.sh PROGRAM FOLDER     FOLDER/NAME.1, FOLDER/NAME.bash, FOLDER/NAME.fish, FOLDER/_NAME
set -eu
if [ $# -ne 2 ]; then
    echo "usage: scripts/make_manual.sh PROGRAM FOLDER" >&2
    exit 2
fi
program=$1
folder=$2
name=$(basename "$program")
help=$("$program" --help)
version=$("$program" --version)
commands=$(printf '%s\n' "$help" | awk '/^Commands:/ { on = 1; next } !NF { on = 0 } on { print $1 }')
[ -n "$commands" ] || { echo "make_manual: $name --help lists no commands" >&2; exit 1; }

# The words that a command begins with, as in "Usage: mvad data check [OPTION...]", for the awk programs below.
verbs='
        function verbs_of(usage, count, word, i, found) {
            count = split(usage, word, " ")
            for (i = 4; i <= count && word[i] ~ /^[a-z]+$/; i++) found = found (found == "" ? "" : " ") word[i]
            return found
        }'

# The help of all commands, each behind a line "@ NAME"; options as "KEYS<tab>TEXT", text on one line, all else as it is.
options() {
    for command in $commands; do
        echo "@ $command"
        "$program" "$command" --help
    done | awk '
        function flush() { if (option != "") print option; option = "" }
        /^ +-/ {
            flush()
            sub(/^ +/, "")
            split_at = match($0, /  +/)
            option = split_at ? substr($0, 1, RSTART - 1) "\t" substr($0, RSTART + RLENGTH) : $0 "\t"
            next
        }
        /^ / && option != "" { sub(/^ +/, ""); option = option " " $0; next }
        { flush(); print }
        END { flush() }'
}

manual() {
    options | awk -v name="$name" -v version="$version" -v help="$help" '
        function escape(text) {
            gsub(/\\/, "\\e", text)
            gsub(/-/, "\\-", text)
            return text ~ /^[.\047]/ ? "\\&" text : text
        }
        BEGIN {
            FS = "\t"
            count = split(help, line, "\n")
            about = line[2]
            print ".TH " toupper(name) " 1 \"\" \"" version "\" \"User Commands\""
            print ".SH NAME\n" escape(name) " \\- " escape(about)
            print ".SH SYNOPSIS\n.B " escape(name) "\n.I COMMAND\n[OPTION...]"
            print ".SH COMMANDS"
            for (i = 3; i <= count; i++) {
                if (line[i] ~ /^Commands:/) { on = 1; continue }
                if (line[i] == "") on = 0
                if (on && match(line[i], /[^ ] +/)) {
                    text = line[i]
                    sub(/^ +/, "", text)
                    word = text
                    sub(/ .*/, "", word)
                    sub(/^[^ ]+ +/, "", text)
                    print ".TP\n.B " escape(word) "\n" escape(text)
                }
            }
            print ".PP\nResults go to standard output, messages to standard error."
        }
        /^@ / { print ".SH " toupper(escape(substr($0, 3))); first = 1; next }
        first { first = 0; next } # its summary, which stands above
        /^Usage: / { sub(/^Usage: /, ""); print ".B " escape($0); next }
        NF == 2 { print ".TP\n.B " escape($1) "\n" escape($2); next }
        NF { print ".PP\n" escape($0) }
        END {
            for (i = 1; i <= count; i++)
                if (sub(/^Exit codes: /, "", line[i])) {
                    gsub(/, /, "\n.br\n", line[i])
                    print ".SH EXIT STATUS\n" escape(line[i])
                }
            print ".SH SEE ALSO\nREADME.md and docs/commands.md in the sources say what the options mean together."
        }'
}

bash_completion() {
    function=_$(printf %s "$name" | tr - _)
    echo "# Completion of $name in bash."
    echo "$function() {"
    echo "    local current=\${COMP_WORDS[COMP_CWORD]} words="
    echo "    if [ \"\$COMP_CWORD\" -eq 1 ]; then"
    echo "        words='$(echo $commands) --help --version'"
    echo "    elif [[ \$current == -* ]]; then"
    echo "        case \${COMP_WORDS[1]} in"
    options | awk -F '\t' "$verbs"'
        function flush() { if (command != "") print "        " command ") words=\047" words "\047 ;;"; words = "" }
        /^@ / { flush(); command = substr($0, 3); next }
        NF == 2 && match($1, /--[a-z0-9-]+/) { words = words (words == "" ? "" : " ") substr($1, RSTART, RLENGTH) }
        END { flush() }'
    echo "        esac"
    echo "    else"
    echo "        case \${COMP_WORDS[1]} in"
    options | awk "$verbs"'
        /^@ / { command = substr($0, 3) }
        /^Usage: / && (found = verbs_of($0)) != "" { print "        " command ") words=\047" found "\047 ;;" }'
    echo "        esac"
    echo "    fi"
    echo "    COMPREPLY=(\$(compgen -W \"\$words\" -- \"\$current\"))"
    echo "}"
    echo "complete -o bashdefault -o default -F $function $name"
}

fish_completion() {
    echo "# Completion of $name in fish."
    for command in $commands; do
        echo "complete -c $name -n __fish_use_subcommand -f -a $command"
    done
    options | awk -F '\t' -v name="$name" "$verbs"'
        /^@ / { command = substr($0, 3); next }
        /^Usage: / && (found = verbs_of($0)) != "" {
            print "complete -c " name " -n \047__fish_seen_subcommand_from " command "\047 -a \047" found "\047"
        }
        NF == 2 && match($1, /--[a-z0-9-]+/) {
            long = substr($1, RSTART + 2, RLENGTH - 2)
            short = $1 ~ /^-[a-zA-Z],/ ? " -s " substr($1, 2, 1) : ""
            text = $2
            gsub(/[\\\047]/, "\\\\&", text)
            print "complete -c " name " -n \047__fish_seen_subcommand_from " command "\047 -l " long short \
                ($1 ~ /=/ ? " -r" : "") " -d \047" text "\047"
        }'
}

# For _arguments: an option with its short name, what it says, and how its value is completed.
zsh_completion() {
    function=_$(printf %s "$name" | tr - _)
    echo "#compdef $name"
    echo "# Completion of $name in zsh."
    echo "$function() {"
    echo "    local -a commands=("
    printf '%s\n' "$help" | awk '
        /^Commands:/ { on = 1; next }
        !NF { on = 0 }
        on {
            command = $1
            sub(/^ *[^ ]+ +/, "")
            gsub(/[\\:]/, "\\\\&")
            gsub(/\047/, "\047\\\047\047")
            print "        \047" command ":" $0 "\047"
        }'
    echo "    )"
    echo "    if (( CURRENT == 2 )); then"
    echo "        _describe command commands"
    echo "        _arguments '--help[Show the commands]' '--version[Show the version]'"
    echo "        return"
    echo "    fi"
    echo "    shift words"
    echo "    (( CURRENT-- ))"
    echo "    case \$words[1] in"
    options | awk -F '\t' "$verbs"'
        function flush() { if (command != "") print "    " command ") _arguments" specs plain " ;;" }
        function value_of(text) {
            if (text ~ /\|/) {
                gsub(/\|/, " ", text)
                return ":value:(" text ")"
            }
            if (text ~ /^(DIR|RUN)$/) return ":" text ":_files -/"
            if (text ~ /FILE|PATH|JSON/) return ":" text ":_files"
            gsub(/:/, "\\:", text)
            return ":" text ": "
        }
        /^@ / { flush(); command = substr($0, 3); specs = ""; plain = " \047*:file:_files\047"; next }
        /^Usage: / && (found = verbs_of($0)) != "" { plain = " \0471:command:(" found ")\047" }
        NF == 2 && match($1, /--[a-z0-9-]+/) {
            long = substr($1, RSTART, RLENGTH)
            value = substr($1, RSTART + RLENGTH)
            text = $2
            gsub(/[][\\]/, "\\\\&", text)
            tail = "[" text "]" (value ~ /^=/ ? value_of(substr(value, 2)) : "")
            gsub(/\047/, "\047\\\047\047", tail)
            sign = value ~ /^=/ ? "=" : ""
            if ($1 ~ /^-[a-zA-Z],/) {
                short = substr($1, 1, 2)
                specs = specs " \\\n        \047(" short " " long ")\047{" short (sign == "" ? "" : "+") "," long sign "}\047" tail "\047"
            } else
                specs = specs " \\\n        \047" long sign tail "\047"
        }
        END { flush() }'
    echo "    esac"
    echo "}"
    echo "$function \"\$@\""
}

manual >"$folder/$name.1"
bash_completion >"$folder/$name.bash"
fish_completion >"$folder/$name.fish"
zsh_completion >"$folder/_$name"
