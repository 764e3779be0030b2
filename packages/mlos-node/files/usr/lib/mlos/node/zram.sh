# Compressed swap in memory on /dev/zram0, by the kernel's own files (Documentation/admin-guide/blockdev/zram.rst).
#
# Pages are compressed once. Compressing idle ones again (ZRAM_MULTI_COMP) pays where the first algorithm is much weaker
# than the second; here it is zstd already, and a second pass costs processor time for little.
# shellcheck shell=dash

zram=/sys/block/zram0

# The size that the role wants as `zram_bytes`: whole MiB.
zram_size() {
    local mebibytes
    mebibytes=$(($(kibibytes "$root/proc/meminfo" MemTotal) * zram_percent / 100 / 1024))
    [ "$mebibytes" -le "$zram_limit_mib" ] || mebibytes=$zram_limit_mib
    zram_bytes=$((mebibytes * 1048576))
}

# What /dev/zram0 is now: `size_now`, `algorithm_now`, `priority_now` (`none` if it is no swap).
zram_state() {
    read_value "$root$zram/disksize" && size_now=$now || size_now=0
    read_value "$root$zram/comp_algorithm" && algorithm_now=$now || algorithm_now=none
    priority_now=$(awk '$1 == "/dev/zram0" { print $5 }' "$root/proc/swaps")
    priority_now=${priority_now:-none}
}

# The kernel has the device, after its module was loaded if it is one.
have_zram() {
    [ -e "$root$zram" ] || { [ -z "$root" ] && modprobe --quiet zram 2>/dev/null && [ -e "$zram" ]; }
}

show_zram() {
    zram_size
    if ! [ -e "$root$zram" ]; then
        [ "$zram_bytes" = 0 ] || show_row zram.size "$zram_bytes" - absent "$1"
        return
    fi
    zram_state
    compare zram.size "$zram_bytes" "$size_now" "$1"
    if [ "$zram_bytes" != 0 ]; then
        compare zram.algorithm "$zram_algorithm" "$algorithm_now" "$1"
        compare zram.priority "$zram_priority" "$priority_now" "$1"
    fi
}

compare() {
    if [ "$2" = "$3" ]; then
        show_row "$1" "$2" "$3" ok "$4"
    else
        show_row "$1" "$2" "$3" differs "$4"
    fi
}

# Bring the device to what the role wants. Its swap is emptied first, which can fail, and then all stays as it is.
apply_zram() {
    zram_size
    if ! have_zram; then
        [ "$zram_bytes" = 0 ] || say "skipped, since this kernel does not have it: zram"
        return
    fi
    zram_state
    local wanted="$zram_bytes $zram_algorithm $zram_priority"
    if [ "$zram_bytes" = 0 ]; then
        [ "$size_now" != 0 ] || return 0
    elif [ "$size_now $algorithm_now $priority_now" = "$wanted" ]; then
        return
    fi
    if [ "$size_now" != 0 ] && [ "$priority_now" = none ]; then
        problem "zram: /dev/zram0 is in use, and not as swap; it stays as it is"
        return
    fi
    if [ "$dry_run" = no ]; then
        make_zram || return 0
    fi
    echo "zram: $size_now bytes, $algorithm_now, priority $priority_now -> $zram_bytes bytes, $zram_algorithm," \
        "priority $zram_priority"
}

make_zram() {
    if [ "$priority_now" != none ] && ! swapoff /dev/zram0; then
        problem "zram: what was swapped out finds no room in memory; the swap stays as it is"
        return 1
    fi
    # udev may be looking at the device, for a moment.
    if ! wait_until 10 put 1 "$zram/reset"; then
        [ "$priority_now" = none ] || swapon --priority "$priority_now" /dev/zram0
        problem "zram: somebody uses /dev/zram0; it stays as it is"
        return 1
    fi
    [ "$zram_bytes" != 0 ] || return 0
    if ! put "$zram_algorithm" "$zram/comp_algorithm"; then
        read_value "$zram/comp_algorithm"
        problem "zram: the kernel has no \`$zram_algorithm\`; it compresses by $now"
        zram_algorithm=$now
    fi
    if ! { put "$zram_bytes" "$zram/disksize" && mkswap --quiet --label mlos-zram /dev/zram0 >/dev/null &&
        swapon --priority "$zram_priority" /dev/zram0; }; then
        wait_until 10 put 1 "$zram/reset" || true
        problem "zram: no swap of $zram_bytes bytes could be made; there is none now"
        return 1
    fi
}
