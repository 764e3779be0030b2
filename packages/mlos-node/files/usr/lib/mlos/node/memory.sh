# Memory by role: the pool of huge pages on every memory node, and compressed swap. Percentages become numbers here.
# shellcheck shell=dash

# memory.conf of the role $1 as variables. Every line is judged before anything is changed.
read_memory_settings() {
    local name value origin memory
    reserved_percent=0 on_demand_percent=0
    zram_percent=0 zram_limit_mib=16384 zram_algorithm=zstd zram_priority=100
    memory=$(settings_of "$1" memory.conf) || exit 1
    while IFS=$tab read -r name value origin; do
        case $name in
        "") ;;
        hugepages.reserved_percent) whole_number 0 90 && reserved_percent=$value ;;
        hugepages.on_demand_percent) whole_number 0 90 && on_demand_percent=$value ;;
        zram.percent) whole_number 0 200 && zram_percent=$value ;;
        zram.limit_mib) whole_number 1 1048576 && zram_limit_mib=$value ;;
        zram.priority) whole_number 0 32767 && zram_priority=$value ;;
        zram.algorithm) zram_algorithm=$value ;;
        *) give_up "$origin: there is no setting \`$name\` of memory" ;;
        esac
    done <<END
$memory
END
}

# Is the setting that was just read a number from $1 to $2?
whole_number() {
    case $value in
    *[!0-9]* | ????????*) ;;
    *) [ "$value" -lt "$1" ] || [ "$value" -gt "$2" ] || return 0 ;;
    esac
    give_up "$origin: $name = $value is not a whole number from $1 to $2"
}

# The field $2 of $1 (meminfo of the machine or of a memory node), in KiB.
kibibytes() {
    awk -v name="$2:" '{ for (i = 1; i < NF; i++) if ($i == name) { print $(i + 1); exit } }' "$1"
}

# Pages of the default size: those reserved on each memory node, or in all where the kernel knows no nodes.
hugepage_rows() {
    local page total nodes node pool share vm
    page=$(kibibytes "$root/proc/meminfo" Hugepagesize)
    total=$(kibibytes "$root/proc/meminfo" MemTotal)
    if [ -z "$page" ]; then
        say "skipped, since this kernel has no huge pages: hugepages.reserved hugepages.on_demand"
        return
    fi
    nodes=no
    for node in "$root"/sys/devices/system/node/node[0-9]*; do
        pool=$node/hugepages/hugepages-${page}kB/nr_hugepages
        [ -e "$pool" ] || continue
        nodes=yes
        share=$(($(kibibytes "$node/meminfo" MemTotal) * reserved_percent / 100 / page))
        printf 'hugepages.reserved.%s\t%s\t%s\tmemory.conf\n' "${node##*/}" "$pool" "$share"
    done
    vm=$root/proc/sys/vm
    if [ "$nodes" = no ]; then
        printf 'hugepages.reserved\t%s\t%s\tmemory.conf\n' "$vm/nr_hugepages" $((total * reserved_percent / 100 / page))
    fi
    printf 'hugepages.on_demand\t%s\t%s\tmemory.conf\n' "$vm/nr_overcommit_hugepages" \
        $((total * on_demand_percent / 100 / page))
}
