# The commands `mlos-node role ...`.
# shellcheck shell=dash

role_command() {
    case ${1:-show} in
    show | list | set | explain | apply) ;;
    *) wrong_usage "there is no command \`role $1\`" ;;
    esac
    local argument
    command=${1:-show}
    [ $# = 0 ] || shift
    check=no all='' named_role=''
    for argument in "$@"; do
        case $command:$argument in
        show:--check) check=yes ;;
        show:--all) all=all ;;
        set:--dry-run | apply:--dry-run) dry_run=yes ;;
        *:-*) wrong_usage "\`role $command\` has no option \`$argument\`" ;;
        set:* | explain:*)
            [ -z "$named_role" ] || wrong_usage "\`role $command\` takes one role"
            named_role=$argument
            ;;
        *) wrong_usage "\`role $command\` takes no argument \`$argument\`" ;;
        esac
    done
    "role_$command"
}

role_list() {
    local each mark
    find_role
    for each in $(all_roles); do
        mark=' '
        [ "$each" != "$role" ] || mark='*'
        printf '%s %-12s %s\n' "$mark" "$each" "$(summary_of "$each")"
    done
}

role_show() {
    find_role
    read_role "$role"
    shown=0 deviations=0 columns='%-58s %-24s %-24s %s\n'
    echo "role $role ($role_origin): $(summary_of "$role")"
    show_rows "$rows" "$all"
    show_zram "$all"
    show_parameters "$all"
    case $deviations in
    0) echo "the machine is as the role says" ;;
    1) echo "1 setting is not as the role says" ;;
    *) echo "$deviations settings are not as the role says" ;;
    esac
    [ "$check" = no ] || [ "$deviations" = 0 ]
}

role_explain() {
    local folder file
    if [ -n "$named_role" ]; then
        require_role "$named_role"
        role=$named_role
    else
        find_role
    fi
    for folder in "$shipped_roles/$role" "$root/etc/mlos/roles/$role" "$shipped_roles/common" \
        "$root/etc/mlos/roles/common"; do
        [ ! -r "$folder/about" ] || cat "$folder/about"
        for file in "$folder"/*.conf; do
            [ -r "$file" ] || continue
            printf '\n  %s\n' "$file"
            awk -f "$library/explain.awk" "$file"
        done
    done
}

# What the service runs at every start: settings, but not the boot loader's.
role_apply() {
    find_role
    read_role "$role"
    [ "$dry_run" = yes ] || write_device_rules
    apply_rows "$rows"
    apply_zram
    if [ "$dry_run" = no ]; then
        echo "role $role ($role_origin): applied"
    fi
    [ "$problems" = 0 ] || give_up "$problems of the role's settings could not be applied"
}

role_set() {
    [ -n "$named_role" ] || wrong_usage "\`role set\` takes a role; there are: $(role_names)"
    require_role "$named_role"
    [ "$dry_run" = yes ] || [ -w "$root/etc" ] || give_up "only root can set the role"
    find_role_before
    rows=
    ! is_role "$role_before" || read_role "$role_before"
    rows_before=$rows
    role=$named_role
    read_role "$role"
    require_room
    if [ "$role_before" != "$role" ] || ! [ -e "$root/etc/mlos/role" ]; then
        echo "/etc/mlos/role: $role_before -> $role"
        if [ "$dry_run" = no ]; then
            mkdir -p "$root/etc/mlos"
            printf '%s\n' "$role" >"$root/etc/mlos/role.new"
            mv "$root/etc/mlos/role.new" "$root/etc/mlos/role"
        fi
    fi
    [ "$dry_run" = yes ] || write_device_rules
    apply_rows "$rows"
    apply_zram
    tell_left
    shown=0 deviations=0 columns='  %-20s %-24s now: %-24s %s\n'
    install_parameters
    tell_reboot
    [ "$problems" = 0 ] || give_up "$problems of the role's settings could not be applied"
}

# What /etc/mlos/role says now as `role_before`; a role that is none is no obstacle to setting another.
find_role_before() {
    role_before=
    [ ! -r "$root/etc/mlos/role" ] || read -r role_before <"$root/etc/mlos/role" || true
    role_before=${role_before:-$default_role}
}

# Settings that the role before has made, and that this one does not name, stay until the machine starts anew.
tell_left() {
    local left='' setting path value origin
    while IFS=$tab read -r setting path value origin; do
        if [ -z "$setting" ] || printf '%s\n' "$rows" | grep -q "^$setting$tab"; then
            continue
        fi
        if read_value "$path" && [ "$now" = "$value" ]; then
            left="$left $setting"
        fi
    done <<END
$rows_before
END
    [ -z "$left" ] || say "as the role $role_before had it, until the next start, since $role does not name it:$left"
}

tell_reboot() {
    local named missing
    named=$(command_line_value mlos.role)
    if [ -n "$named" ] && [ "$named" != "$role" ]; then
        say "the kernel command line says mlos.role=$named, which wins at the next boot if it still says so"
    fi
    missing=$(show_parameters '' | sed 1d) # without the heading
    if [ -n "$missing" ]; then
        echo "Needs a reboot:"
        printf '%s\n' "$missing"
    fi
}

# Devices that come later get their settings from udev: a rule for each pattern below /sys/block.
write_device_rules() {
    local rules setting value origin device file
    rules=$root/run/udev/rules.d/95-mlos-role.rules
    mkdir -p "${rules%/*}"
    while IFS=$tab read -r setting value origin; do
        case $setting in
        block/*/*) ;;
        *) continue ;;
        esac
        device=${setting#block/}
        device=${device%%/*}
        file=${setting#"block/$device/"}
        printf 'ACTION!="remove", SUBSYSTEM=="block", KERNEL=="%s", TEST=="%s", ATTR{%s}="%s"\n' \
            "$device" "$file" "$file" "$value"
    done >"$rules.new" <<END
$sys
END
    mv "$rules.new" "$rules"
    [ -n "$root" ] || udevadm control --reload 2>/dev/null || true
}
