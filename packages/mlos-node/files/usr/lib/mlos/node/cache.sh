# The commands `mlos-node cache ...`: flash before a slow disk by bcache (Documentation/admin-guide/bcache.rst).
#
# Every command judges first and tells all objections at once, then tells each step and, without --dry-run, takes it.
# Everything that a step names is known before the first one: below /sys/class/block/BACKING/bcache the kernel shows the
# cached device (`dev`) and the set of its cache (`cache`).
# shellcheck shell=dash

# A bucket is what is written to flash and given up again as one: as large as flash likes it, unless the cache is so small
# that there would be few of them. The kernel (6.12, cache_alloc()) takes no cache of 512 buckets or less.
largest_bucket=524288
smallest_bucket=65536
smallest_cache=$((1024 * smallest_bucket))
smallest_backing=33554432
# Seconds for the kernel and udev to show a device, and for what is only in the cache to be written to the disk.
moment=30
flush_time=86400

cache_command() {
    [ -z "$root" ] || wrong_usage "a cache is made of devices of this machine, not below --root"
    case ${1:-status} in
    create | status | attach | detach | destroy) ;;
    *) wrong_usage "there is no command \`cache $1\`" ;;
    esac
    command=${1:-status}
    [ $# = 0 ] || shift
    read_cache_options "$@"
    "cache_$command"
}

read_cache_options() {
    backing='' cache='' mode=writethrough wipe=no
    while [ $# -gt 0 ]; do
        case $command:$1 in
        status:*) wrong_usage "\`cache status\` takes no argument \`$1\`" ;;
        *:--dry-run) dry_run=yes ;;
        create:--wipe | attach:--wipe | destroy:--wipe) wipe=yes ;;
        *:--backing | create:--cache | attach:--cache | create:--mode)
            [ $# -ge 2 ] || wrong_usage "$1 takes a value"
            case $1 in
            --backing) backing=$2 ;;
            --cache) cache=$2 ;;
            --mode) mode=$2 ;;
            esac
            shift
            ;;
        *) wrong_usage "\`cache $command\` takes no argument \`$1\`" ;;
        esac
        shift
    done
    case $mode in
    writethrough | writeback) ;;
    *) wrong_usage "there is no mode \`$mode\`: it is writethrough or writeback" ;;
    esac
    case $command:$backing:$cache in
    status:*) return ;;
    *::*) wrong_usage "\`cache $command\` needs --backing DEVICE" ;;
    create:*: | attach:*:) wrong_usage "\`cache $command\` needs --cache DEVICE" ;;
    esac
}

# Tell a step and take it.
step() {
    echo "$*"
    [ "$dry_run" = yes ] || "$@"
}

# Tell and write the value $1 to the file $2 of the kernel.
step_write() {
    echo "echo $1 > $2"
    [ "$dry_run" = yes ] || put "$1" "$2" || give_up "the kernel refuses that (its log may say why)"
}

step_wait() {
    [ "$dry_run" = yes ] || wait_until "$@"
}

require_bcache() {
    [ -d /sys/fs/bcache ] || modprobe --quiet bcache 2>/dev/null || true
    [ -d /sys/fs/bcache ] || give_up "this kernel has no bcache (CONFIG_BCACHE)"
    command -v make-bcache >/dev/null || give_up "make-bcache is missing: it comes with bcache-tools"
    [ -w /sys/fs/bcache/register ] || give_up "only root can change the cache"
}

# Bytes of a bucket on the device $1.
bucket_bytes() {
    local bytes bucket
    bytes=$(device_bytes "$1")
    bucket=$largest_bucket
    while [ "$bucket" -gt "$smallest_bucket" ] && [ $((bytes / bucket)) -lt 2048 ]; do
        bucket=$((bucket / 2))
    done
    echo "$bucket"
}

no_objections() {
    [ "$problems" = 0 ] || give_up "nothing was changed"
}

cache_create() {
    local device
    find_device "$backing" && backing=$device_name
    find_device "$cache" && cache=$device_name
    if [ "$backing" = "$cache" ] || [ -e "/sys/class/block/$backing/$cache" ] ||
        [ -e "/sys/class/block/$cache/$backing" ]; then
        give_up "/dev/$backing cannot be cached on itself or a part of itself"
    fi
    require_bcache
    read_tuning
    judge_device "$backing" "the disk that is cached" "$smallest_backing"
    judge_device "$cache" "the cache" "$smallest_cache"
    no_objections
    made="$backing $cache"
    undo_on_failure
    for device in $made; do
        wipe_device "$device"
    done
    step make-bcache --bucket "$(bucket_bytes "$cache")" -C "/dev/$cache" -B "/dev/$backing"
    register "$cache"
    register "$backing"
    step_wait $moment has_cache || give_up "the kernel did not bring /dev/$cache and /dev/$backing together"
    step_write "$mode" "$(of_backing cache_mode)"
    tune
    done_with "/dev/$(cached_name) is /dev/$backing, with its cache on /dev/$cache"
}

# A file of the cached disk.
of_backing() {
    echo "/sys/class/block/$backing/bcache/$1"
}

wipe_device() {
    [ -z "$(device_content "$1")" ] || step wipefs --quiet --all "/dev/$1"
}

# udev's rules do the same as soon as they see the device, and whoever comes second is refused.
register() {
    echo "echo /dev/$1 > /sys/fs/bcache/register_quiet"
    [ "$dry_run" = yes ] || put "/dev/$1" /sys/fs/bcache/register_quiet || true
    step_wait $moment test -d "/sys/class/block/$1/bcache" || give_up "the kernel refuses /dev/$1 (its log says why)"
}

has_cache() {
    [ -e "$(of_backing cache)" ] && [ -e "$(of_backing dev)" ]
}

cached_name() {
    local dev
    if [ "$dry_run" = yes ]; then
        echo bcacheN
    else
        dev=$(readlink -f "$(of_backing dev)")
        echo "${dev##*/}"
    fi
}

# What this machine's role says of cached disks, as `sys`.
read_tuning() {
    find_role
    sys=$(settings_of "$role" sys.conf) || exit 1
}

# The kernel forgets it at each start, and udev repeats it.
tune() {
    local name value origin
    while IFS=$tab read -r name value origin; do
        case $name in
        block/bcache\*/bcache/*) step_write "$value" "$(of_backing "${name#block/bcache\*/bcache/}")" ;;
        block/bcache\*/*) step_write "$value" "$(of_backing "dev/${name#block/bcache\*/}")" ;;
        esac
    done <<END
$sys
END
}

# From here on, whatever ends the program before `done_with` gives the devices in `made` back, empty.
undo_on_failure() {
    [ "$dry_run" = no ] || return 0
    trap 'undo' EXIT
    trap 'exit 1' HUP INT TERM
}

undo() {
    trap '' HUP INT TERM
    trap - EXIT
    say "it failed: giving back what was taken"
    dry_run=no
    # shellcheck disable=SC2086  # names of devices
    release $made || true
    exit 1
}

done_with() {
    trap - EXIT HUP INT TERM
    [ "$dry_run" = yes ] || echo "$1"
}

# Let the kernel forget the devices named, and their superblocks be gone. A disk that is not named only loses its cache.
release() {
    local device folder
    udevadm settle
    for device in "$@"; do
        folder=/sys/class/block/$device/bcache
        if [ -e "$folder/set" ]; then
            step_write 1 "$folder/set/unregister"
        elif [ -e "$folder" ]; then
            step_write 1 "$folder/stop"
        fi
    done
    for device in "$@"; do
        step_wait $moment test ! -e "/sys/class/block/$device/bcache" ||
            give_up "the kernel does not let go of /dev/$device"
        # The kernel's last reference may outlive its folder by a moment.
        step_wait $moment wipe_quietly "$device" || give_up "/dev/$device is still in use"
        echo "wipefs --all /dev/$device"
    done
}

wipe_quietly() {
    wipefs --quiet --all "/dev/$1" 2>/dev/null
}

# The backing device that $backing means: itself, or what is below a cached device.
find_backing() {
    local below
    find_device "$backing" && backing=$device_name
    case $backing in
    bcache*)
        below=$(readlink -f "/sys/class/block/$backing/bcache")
        below=${below%/bcache}
        backing=${below##*/}
        ;;
    esac
    [ -e "$(of_backing dev)" ] || [ -e "$(of_backing state)" ] || give_up "/dev/$backing is no disk of a flash cache"
}

# Kernel's names of the devices of the set that caches $backing.
cache_devices() {
    local link device
    for link in "$(of_backing cache)"/cache[0-9]*; do
        [ -e "$link" ] || continue
        device=$(readlink -f "$link")
        device=${device%/bcache}
        printf '%s ' "${device##*/}"
    done
}

cache_attach() {
    local set_folder
    require_bcache
    find_backing
    find_device "$cache" && cache=$device_name
    read_tuning
    [ ! -e "$(of_backing cache)" ] || give_up "/dev/$backing has a cache already: $(cache_devices)"
    if [ ! -e "/sys/class/block/$cache/bcache/set" ]; then
        judge_device "$cache" "the cache" "$smallest_cache"
        no_objections
        made=$cache
        undo_on_failure
        wipe_device "$cache"
        step make-bcache --bucket "$(bucket_bytes "$cache")" -C "/dev/$cache"
        register "$cache"
    fi
    if [ "$dry_run" = yes ]; then
        echo "echo UUID of the set on /dev/$cache > $(of_backing attach)"
    else
        set_folder=$(readlink -f "/sys/class/block/$cache/bcache/set")
        step_write "${set_folder##*/}" "$(of_backing attach)"
    fi
    step_wait $moment has_cache || give_up "the kernel did not bring /dev/$cache and /dev/$backing together"
    tune
    done_with "/dev/$(cached_name) has its cache on /dev/$cache"
}

cache_detach() {
    require_bcache
    find_backing
    [ -e "$(of_backing cache)" ] || give_up "/dev/$backing has no cache"
    detach
    done_with "/dev/$(cached_name) has no cache now, and can be used all the same"
}

# Everything that is only in the cache goes to the disk first.
detach() {
    step_write 1 "$(of_backing detach)"
    step_wait $flush_time test ! -e "$(of_backing cache)" || give_up "/dev/$backing was not written in a day"
}

# Both disks are empty afterwards: what stands on a cached disk begins behind bcache's own first blocks.
cache_destroy() {
    local name use content taken others
    require_bcache
    find_backing
    name=
    [ ! -e "$(of_backing dev)" ] || name=$(dry_run=no cached_name)
    if [ -n "$name" ]; then
        use=$(device_use_above "$name")
        [ -z "$use" ] || problem "$use"
        content=$(device_content "$name")
        [ -z "$content" ] || [ "$wipe" = yes ] ||
            problem "/dev/$name holds $content: what stands there is lost if you say --wipe"
    fi
    no_objections
    taken=$(cache_devices)
    others=$(others_of_the_set)
    [ ! -e "$(of_backing cache)" ] || detach
    # shellcheck disable=SC2086  # names of devices
    if [ -n "$others" ]; then
        release "$backing"
        done_with "/dev/$backing is free; its cache goes on for $others"
    else
        release "$backing" $taken
        done_with "free again: $backing $taken"
    fi
}

# Who uses the cached device $1: itself has the folder `bcache` by which a part of a cache is known.
device_use_above() {
    device_use "$1" | sed "\|^/dev/$1 is part of a flash cache$|d"
}

# Other disks that the same set caches.
others_of_the_set() {
    local link other
    for link in "$(of_backing cache)"/bdev[0-9]*; do
        [ -e "$link" ] || continue
        other=$(readlink -f "$link")
        other=${other%/bcache}
        [ "${other##*/}" = "$backing" ] || printf '%s ' "${other##*/}"
    done
}

cache_status() {
    local format folder name caches
    format='%-10s %-12s %-12s %-13s %-12s %-8s %s\n'
    # shellcheck disable=SC2059
    printf "$format" DEVICE DISK CACHE MODE STATE DIRTY "HITS (%)"
    for folder in /sys/class/block/*/bcache; do
        backing=${folder%/bcache}
        backing=${backing##*/}
        case $backing in
        bcache*) continue ;;
        esac
        [ -e "$folder/cache_mode" ] || continue
        name=-
        [ ! -e "$folder/dev" ] || name=$(cached_name)
        caches=$(cache_devices)
        # shellcheck disable=SC2059
        printf "$format" "$name" "$backing" "${caches:--}" "$(value_of cache_mode)" "$(value_of state)" \
            "$(value_of dirty_data)" "$(value_of stats_total/cache_hit_ratio)"
    done
}

# What a file of the cached disk says, or `-`.
value_of() {
    if read_value "$(of_backing "$1")"; then
        echo "$now"
    else
        echo -
    fi
}
