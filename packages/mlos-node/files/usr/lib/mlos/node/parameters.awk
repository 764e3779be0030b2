# Kernel parameters of several files, a word a line -> WORD and FILE with a tab between them, for the kernel `release`.
#
# `preempt=lazy [kernel >= 6.13]` holds for some kernels only. A later file's word takes the place of an earlier one's
# with the same name; `!NAME` takes it out.

function number(release, part) {
    split(release, part, /[^0-9]+/)
    return part[1] * 1000 + part[2]
}

/^[ \t]*(#|$)/ { next }

{
    line = $0
    holds = 1
    if (match(line, /[ \t]+\[kernel (<|>=) [0-9]+\.[0-9]+\][ \t]*$/)) {
        split(substr(line, RSTART), condition, /[ \t\[\]]+/)
        line = substr(line, 1, RSTART - 1)
        newer = number(release) >= number(condition[4])
        holds = condition[3] == ">=" ? newer : !newer
    }
    gsub(/^[ \t]+|[ \t]+$/, "", line)
    if (line !~ /^!?[^ \t"\\$`]+$/) {
        printf "mlos-node: %s:%d: `%s` is not one word of a kernel command line\n", FILENAME, FNR, $0 > "/dev/stderr"
        wrong = 1
        next
    }
    if (!holds)
        next
    name = line
    sub(/^!/, "", name)
    sub(/=.*/, "", name)
    if (!(name in word))
        names[++count] = name
    word[name] = line
    origin[name] = FILENAME
}

END {
    if (wrong)
        exit 1
    for (i = 1; i <= count; i++)
        if (word[names[i]] !~ /^!/)
            printf "%s\t%s\n", word[names[i]], origin[names[i]]
}
