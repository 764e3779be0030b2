/* What the kernel allocated and nothing points to any more, where the kernel looks for it (CONFIG_DEBUG_KMEMLEAK). */

/* Let what was lost until now not count: the boot's is not the programs'. */
void forget_leaks(void);

/* Say on the console what was lost since; nothing where the kernel does not look. */
void report_leaks(void);
