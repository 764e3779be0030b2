# Roles: which there are, which one this machine has, and what its files say.
# shellcheck shell=dash

default_role=inference

# Is $1 a role?
is_role() {
    case $1 in
    common | "" | *[!a-z0-9-]*) return 1 ;;
    esac
    [ -d "$shipped_roles/$1" ] || [ -d "$root/etc/mlos/roles/$1" ]
}

# Names of all roles, one a line.
all_roles() {
    local folder
    for folder in "$shipped_roles"/* "$root"/etc/mlos/roles/*; do
        if is_role "${folder##*/}"; then
            printf '%s\n' "${folder##*/}"
        fi
    done | sort -u
}

require_role() {
    is_role "$1" || wrong_usage "there is no role \`$1\`; there are: $(role_names)"
}

role_names() {
    all_roles | tr '\n' ' ' | sed 's/ $//'
}

# The role of this machine as `role`, and as `role_origin` who says so: the kernel command line before /etc/mlos/role.
find_role() {
    role=$default_role role_origin="by default"
    if [ -e "$root/etc/mlos/role" ]; then
        [ -r "$root/etc/mlos/role" ] || give_up "/etc/mlos/role cannot be read"
        role=''
        read -r role <"$root/etc/mlos/role" || [ -n "$role" ] || give_up "/etc/mlos/role is empty: it names a role"
        role_origin="from /etc/mlos/role"
    fi
    local named
    named=$(command_line_value mlos.role)
    if [ -n "$named" ]; then
        role=$named role_origin="from the kernel command line"
    fi
    is_role "$role" || give_up "there is no role \`$role\` ($role_origin); there are: $(role_names)"
}

# The last value of the parameter $1 on the kernel command line; nothing if it is not there.
command_line_value() {
    local found words word
    set -f
    found=
    read -r words <"$root/proc/cmdline" || [ -n "$words" ] || words=
    for word in $words; do
        case $word in
        "$1="*) found=${word#*=} ;;
        "$1") found=$word ;;
        esac
    done
    set +f
    printf '%s' "$found"
}

# Run awk with the arguments from $3 on over the files $2 of the role $1: shipped ones first, an administrator's last.
merge_files() {
    local role="$1" name="$2" folder file
    shift 2
    for folder in "$shipped_roles/common" "$shipped_roles/$role" \
        "$root/etc/mlos/roles/common" "$root/etc/mlos/roles/$role"; do
        file=$folder/$name
        [ -e "$file" ] || continue
        if ! [ -f "$file" ] || ! [ -r "$file" ]; then
            give_up "$file cannot be read"
        fi
        set -- "$@" "$file"
    done
    if [ "$name" = sysctl.conf ]; then
        set -- "$@" known=1
        # What an administrator has in sysctl.d after 60-mlos.conf by name holds, as if these settings stood there.
        for file in "$root"/etc/sysctl.d/*.conf; do
            # shellcheck disable=SC3012  # dash and bash compare texts so
            if [ -r "$file" ] && [ "${file##*/}" \> 60-mlos.conf ]; then
                set -- "$@" "$file"
            fi
        done
    fi
    awk "$@" </dev/null
}

# Settings of the role $1 in its file $2: name, value and origin, with tabs between them.
settings_of() {
    merge_files "$1" "$2" -f "$library/settings.awk"
}

# Kernel parameters of the role $1: word and origin, with a tab between them.
parameters_of() {
    local release
    read -r release <"$root/proc/sys/kernel/osrelease"
    merge_files "$1" kernel-parameters.conf -v release="$release" -f "$library/parameters.awk"
}

# The first line of what a role is about.
summary_of() {
    local about
    about=$shipped_roles/$1/about
    [ -r "$about" ] || about=$root/etc/mlos/roles/$1/about
    if [ -r "$about" ]; then
        head -n 1 "$about"
    else
        echo "a role of this machine's administrator"
    fi
}
