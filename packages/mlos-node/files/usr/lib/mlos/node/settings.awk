# Lines NAME = VALUE of several files -> NAME, VALUE and FILE with tabs between them, a name once, the last file's value.
#
# A name without a value takes the setting out: nobody sets it. Files after the argument `known=1` only change settings
# that files before it have, and may hold anything else: sysctl.d(5) of an administrator.

function trimmed(text) {
    gsub(/[ \t]+/, " ", text)
    sub(/^ /, "", text)
    sub(/ $/, "", text)
    return text
}

/^[ \t]*([#;]|$)/ { next }

{
    at = index($0, "=")
    name = trimmed(at ? substr($0, 1, at - 1) : "")
    if (known) {
        sub(/^-/, "", name)
        gsub("/", ".", name)
        if (!(name in value))
            next
    } else if (name !~ /^[^ ]+$/) {
        printf "mlos-node: %s:%d: `%s` is not of the form NAME = VALUE\n", FILENAME, FNR, trimmed($0) > "/dev/stderr"
        wrong = 1
        next
    }
    if (!(name in value))
        names[++count] = name
    value[name] = trimmed(substr($0, at + 1))
    origin[name] = FILENAME
}

END {
    if (wrong)
        exit 1
    for (i = 1; i <= count; i++)
        if (value[names[i]] != "")
            printf "%s\t%s\t%s\n", names[i], value[names[i]], origin[names[i]]
}
