# Kernel parameters by role: which the running kernel was started with, and how this machine's boot loader is told.
# shellcheck shell=dash

grub_file=/etc/default/grub.d/60-mlos-role.cfg
oem_file=/oem/grub.cfg
add_on=/boot/loader/addons/mlos-role.addon.efi

# The words of the role, in one line.
parameter_words() {
    printf '%s\n' "$parameters" | cut -f 1 | tr '\n' ' ' | sed 's/ $//'
}

# The kernel takes the last of several values: so does this.
show_parameters() {
    local word origin value found
    while IFS=$tab read -r word origin; do
        [ -n "$word" ] || continue
        value=$word
        case $word in
        *=*) value=${word#*=} ;;
        esac
        found=$(command_line_value "${word%%=*}")
        if [ "$found" = "$value" ]; then
            show_row "kernel: ${word%%=*}" "$value" "$found" ok "$1"
        else
            show_row "kernel: ${word%%=*}" "$value" "${found:--}" reboot "$1"
        fi
    done <<END
$parameters
END
}

# How this machine is started: `grub` (Debian's), `flatcar` (Flatcar's GRUB), `add-on` (a unified kernel), `unknown`.
boot_loader() {
    local kernel
    for kernel in "$root"/boot/EFI/Linux/*.efi; do
        [ ! -e "$kernel" ] || [ ! -e "$(add_on_model)" ] || { echo add-on && return; }
    done
    if grep -qs '^ID=flatcar$' "$root/etc/os-release" && [ -d "$root/oem" ]; then
        echo flatcar
    elif [ -e "$root/etc/default/grub" ] && command -v update-grub >/dev/null; then
        echo grub
    else
        echo unknown
    fi
}

# An add-on of systemd-stub's that only has a command line: that of the first boot, in use or put away.
add_on_model() {
    local model
    for model in "$root"/boot/loader/first-boot.addon.efi "$root"/boot/loader/addons/first-boot.addon.efi; do
        [ ! -e "$model" ] || { echo "$model" && return; }
    done
}

# Have the boot loader hand the role's words to the kernel from the next boot on, or tell where they are to go.
install_parameters() {
    local words written
    words=$(parameter_words)
    case $(boot_loader) in
    grub)
        write_boot_file "$grub_file" "$(grub_text)"
        if [ "$written" = yes ] && [ "$dry_run" = no ]; then
            update-grub
        fi
        ;;
    flatcar) write_boot_file "$oem_file" "$(oem_text)" ;;
    add-on) write_add_on ;;
    *) tell_parameters ;;
    esac
}

# shellcheck disable=SC2016  # the boot loader's own script expands it
grub_text() {
    printf '# Written by `mlos-node role set %s`.\n' "$role"
    printf 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT %s"\n' "$words"
}

# What Flatcar's GRUB reads before its menu, with our line for the one of before.
# shellcheck disable=SC2016  # GRUB expands it
oem_text() {
    grep -sv '# mlos-node role$' "$root$oem_file" || true
    [ -z "$words" ] || printf 'set linux_append="$linux_append %s" # mlos-node role\n' "$words"
}

# Let the file $1 hold the text $2, whole or not at all; `written` says whether that was a change.
write_boot_file() {
    written=no
    if [ -e "$root$1" ] && [ "$(cat "$root$1")" = "$2" ]; then
        return
    fi
    written=yes
    echo "$1: ${words:-no parameters}, from the next boot on"
    if [ "$dry_run" = no ]; then
        mkdir -p "$root${1%/*}"
        printf '%s\n' "$2" >"$root$1.new"
        mv "$root$1.new" "$root$1"
    fi
}

# A little-endian number of $3 bytes at offset $2 of the file $1.
number_at() {
    od -A n -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# Where the entry of the section `.cmdline` stands in the program $1 (PE format: the offset of the header is at byte 60;
# the number of sections and the size of the optional header at bytes 6 and 20 of it; an entry has 40 bytes).
command_line_entry() {
    local header sections entry
    header=$(number_at "$1" 60 4)
    sections=$(number_at "$1" $((header + 6)) 2)
    entry=$((header + 24 + $(number_at "$1" $((header + 20)) 2)))
    while [ "$sections" -gt 0 ]; do
        if [ "$(dd if="$1" bs=1 skip="$entry" count=8 2>/dev/null | tr -d '\0')" = .cmdline ]; then
            echo "$entry"
            return
        fi
        entry=$((entry + 40)) sections=$((sections - 1))
    done
    return 1
}

# The four bytes of the number $1 as printf(1) writes them.
four_bytes() {
    printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $((($1 >> 8) & 255)) $((($1 >> 16) & 255)) $((($1 >> 24) & 255))
}

# Refuse words that find no room, before anything is changed.
require_room() {
    local model entry room words
    [ "$(boot_loader)" = add-on ] || return 0
    model=$(add_on_model)
    entry=$(command_line_entry "$model") || give_up "$model has no command line"
    room=$(number_at "$model" $((entry + 16)) 4)
    words=$(parameter_words)
    [ ${#words} -le "$room" ] || give_up "an add-on has room for $room characters, and \`$words\` has more"
}

# systemd-stub appends the command lines of all add-ons to that of every version of the system (systemd-stub(7)). Ours is
# the add-on of the first boot with other words: length at byte 8 of the section's entry, room and place at 16 and 20.
write_add_on() {
    local model entry room place new
    model=$(add_on_model)
    entry=$(command_line_entry "$model")
    room=$(number_at "$model" $((entry + 16)) 4)
    place=$(number_at "$model" $((entry + 20)) 4)
    if [ -z "$words" ]; then
        [ -e "$root$add_on" ] || return 0
        echo "$add_on: no parameters, from the next boot on"
        [ "$dry_run" = yes ] || rm "$root$add_on"
        return
    fi
    if [ -e "$root$add_on" ] && [ "$(dd if="$root$add_on" bs=1 skip="$place" count="$room" 2>/dev/null |
        tr -d '\0')" = "$words" ]; then
        return
    fi
    echo "$add_on: $words, from the next boot on"
    [ "$dry_run" = no ] || return 0
    new=$root$add_on.new
    cp "$model" "$new"
    dd if=/dev/zero of="$new" bs=1 seek="$place" count="$room" conv=notrunc 2>/dev/null
    printf '%s' "$words" | dd of="$new" bs=1 seek="$place" conv=notrunc 2>/dev/null
    # shellcheck disable=SC2059  # the bytes are a format
    printf "$(four_bytes ${#words})" | dd of="$new" bs=1 seek=$((entry + 8)) conv=notrunc 2>/dev/null
    mv "$new" "$root$add_on"
    sync "$root$add_on"
}

# Nothing is to be told if the kernel was started with all of it, on a machine that keeps /etc.
tell_parameters() {
    if [ -z "$(show_parameters '')" ] && { [ "$(command_line_value mlos.role)" = "$role" ] ||
        [ -z "$(command_line_value boot)$(command_line_value root | grep -x tmpfs)" ]; }; then
        return
    fi
    echo "The kernel's command line of this machine cannot be changed from here (it was started from a medium or the"
    echo "network, or by an unknown boot loader). Add there: mlos.role=$role${words:+ $words}"
    echo "  GRUB's menu: press e, and add it to the line that begins with linux"
    echo "  network: add it to the line that begins with kernel, of the script that iPXE runs"
}
