# Settings as rows: name, file, wanted value, origin, with tabs between them. What is read and written alike, whoever
# wants it.
# shellcheck shell=dash

# Read all files of the role $1 and judge them: `rows`, `parameters`, and what memory.sh has. Nothing is changed.
read_role() {
    sysctl=$(settings_of "$1" sysctl.conf) || exit 1
    sys=$(settings_of "$1" sys.conf) || exit 1
    parameters=$(parameters_of "$1") || exit 1
    read_memory_settings "$1"
    rows=$(sysctl_rows && sys_rows && hugepage_rows) || exit 1
}

sysctl_rows() {
    [ -z "$sysctl" ] || printf '%s\n' "$sysctl" | awk -F '\t' -v proc="$root/proc/sys" '{
        path = $1
        gsub(/\./, "/", path)
        printf "%s\t%s/%s\t%s\t%s\n", $1, proc, path, $2, $3
    }'
}

# A pattern becomes a row for each file that it fits, and none on a machine that has no such device.
sys_rows() {
    local name value origin path
    while IFS=$tab read -r name value origin; do
        [ -n "$name" ] || continue
        for path in "$root/sys"/$name; do
            case $name in
            *[*?]*) [ -e "$path" ] || continue ;;
            esac
            printf '%s\t%s\t%s\t%s\n' "${path#"$root/sys/"}" "$path" "$value" "$origin"
        done
    done <<END
$sys
END
}

# The value in the file $1 as `now`: single spaces, and of a choice (`a [b] c`) what is chosen. By cat(1), since dash's
# `read` asks for one byte at a time, and to that /proc/sys answers with the first digit only.
read_value() {
    now=$(cat "$1" 2>/dev/null) || return 1
    case $now in
    *\[*\]*) now=${now#*\[} now=${now%%\]*} ;;
    0.0k) now=0 ;; # how bcache writes it
    esac
    set -f
    # shellcheck disable=SC2086
    set -- $now
    set +f
    now=$*
}

# Run $2 and what follows until it succeeds, for at most $1 seconds.
wait_until() {
    local tries
    tries=$(($1 * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

# Write the value $1 to the file $2 of the kernel; what it refuses is told by the exit status only.
put() {
    { printf '%s\n' "$1" >"$2"; } 2>/dev/null
}

# Write the value $3 to the file $2 of the setting $1, and tell; a problem is told and counted.
change() {
    if ! put "$3" "$2"; then
        problem "$1: the kernel refuses \`$3\`; it stays \`$now\`"
        return
    fi
    local before="$now"
    if ! read_value "$2" || [ "$now" != "$3" ]; then
        problem "$1: the kernel made \`$now\` of \`$3\`"
        return
    fi
    echo "$1: $before -> $now"
}

# Bring every row to its value, or tell with --dry-run what would be done. Settings that are right are left alone.
apply_rows() {
    local absent='' name path value origin
    while IFS=$tab read -r name path value origin; do
        [ -n "$name" ] || continue
        if ! [ -e "$path" ]; then
            absent="$absent $name"
        elif ! read_value "$path"; then
            problem "$name: $path cannot be read"
        elif [ "$now" = "$value" ]; then
            :
        elif [ "$dry_run" = yes ]; then
            echo "$name: $now -> $value"
        else
            change "$name" "$path" "$value"
        fi
    done <<END
$1
END
    [ -z "$absent" ] || say "skipped, since this kernel or machine does not have them:$absent"
}

# What is not as the rows $1 say, or with `all` as $2 everything, as lines of a table; counts what deviates.
show_rows() {
    local name path value origin
    while IFS=$tab read -r name path value origin; do
        [ -n "$name" ] || continue
        if ! [ -e "$path" ]; then
            show_row "$name" "$value" - absent "$2"
        elif ! read_value "$path"; then
            show_row "$name" "$value" "?" unreadable "$2"
        elif [ "$now" = "$value" ]; then
            show_row "$name" "$value" "$now" ok "$2"
        else
            show_row "$name" "$value" "$now" differs "$2"
        fi
    done <<END
$1
END
}

# One line of the table: setting, what the role says, what is, how that compares.
# shellcheck disable=SC2059  # `columns` is a format
show_row() {
    case $4 in
    ok | absent) ;;
    *) deviations=$((deviations + 1)) ;;
    esac
    case $4:$5 in
    ok: | absent:) return ;;
    esac
    if [ "$shown" = 0 ]; then
        printf "$columns" SETTING ROLE NOW STATE
    fi
    shown=$((shown + 1))
    printf "$columns" "$1" "$2" "$3" "$4"
}
