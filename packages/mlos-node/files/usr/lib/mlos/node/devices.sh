# Block devices: which one is meant, what stands on it, who uses it.
# shellcheck shell=dash

# The kernel's name of the block device $1 as `device_name`: links below /dev/disk lead to it.
find_device() {
    [ -b "$1" ] || give_up "$1 is no block device"
    device_name=$(readlink -f "$1")
    device_name=${device_name##*/}
    [ -e "/sys/class/block/$device_name" ] || give_up "the kernel does not know $1"
}

# Bytes of the device with the kernel's name $1.
device_bytes() {
    local sectors
    read -r sectors <"/sys/class/block/$1/size"
    echo $((sectors * 512))
}

# Who uses the device $1 or a partition of it: a line, or nothing.
device_use() {
    local folder name number place holder
    for folder in "/sys/class/block/$1" "/sys/class/block/$1/$1"*; do
        [ -e "$folder/dev" ] || continue
        name=${folder##*/}
        read -r number <"$folder/dev"
        place=$(awk -v number="$number" '$3 == number { print $5; exit }' /proc/self/mountinfo)
        for holder in "$folder"/holders/*; do
            [ ! -e "$holder" ] || echo "/dev/$name is used by /dev/${holder##*/}"
        done
        [ -z "$place" ] || echo "/dev/$name is mounted on $place"
        if awk -v name="/dev/$name" '$1 == name { found = 1 } END { exit !found }' /proc/swaps; then
            echo "/dev/$name is swap"
        fi
        [ ! -e "$folder/bcache" ] || echo "/dev/$name is part of a flash cache"
    done | head -n 1
}

# What the device $1 holds, as wipefs(8) finds it (`ext4`, `gpt`, `bcache`), in one line.
device_content() {
    wipefs --noheadings --output TYPE "/dev/$1" | sort -u | tr '\n' ' ' | sed 's/ *$//'
}

# Judge whether the device $1 may be taken as $2 of a cache, with at least $3 bytes; every objection is told and counted.
judge_device() {
    local use read_only content
    use=$(device_use "$1")
    if [ -n "$use" ]; then
        problem "$use"
        return
    fi
    read -r read_only <"/sys/class/block/$1/ro"
    [ "$read_only" = 0 ] || problem "/dev/$1 is read-only"
    [ "$(device_bytes "$1")" -ge "$3" ] ||
        problem "/dev/$1 has $(device_bytes "$1") bytes: $2 needs $3"
    content=$(device_content "$1")
    if [ -n "$content" ] && [ "$wipe" = no ]; then
        problem "/dev/$1 holds $content: what stands there is lost if you say --wipe"
    fi
}
