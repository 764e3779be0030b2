/* What `make` compiles over and over: small and without headers, so that many objects tell how far it came. */

struct table {
	unsigned long keys[64];
	unsigned int values[64];
	unsigned int used;
};

unsigned long hash(const char *text);
unsigned int *find(struct table *table, const char *text);
void sort(struct table *table);

/* FNV-1a (Fowler, Noll and Vo), 64 bits. */
unsigned long hash(const char *text)
{
	unsigned long sum = 0xcbf29ce484222325UL;

	while (*text)
		sum = (sum ^ (unsigned char)*text++) * 0x100000001b3UL;
	return sum;
}

unsigned int *find(struct table *table, const char *text)
{
	unsigned long key = hash(text);
	unsigned int place = key % 64;

	for (unsigned int tries = 0; tries < 64; tries++, place = (place + 1) % 64) {
		if (table->keys[place] == key)
			return &table->values[place];
		if (!table->keys[place]) {
			table->keys[place] = key;
			table->used++;
			return &table->values[place];
		}
	}
	return 0;
}

void sort(struct table *table)
{
	for (unsigned int end = 1; end < 64; end++)
		for (unsigned int here = end; here && table->keys[here - 1] > table->keys[here]; here--) {
			unsigned long key = table->keys[here];
			unsigned int value = table->values[here];

			table->keys[here] = table->keys[here - 1];
			table->values[here] = table->values[here - 1];
			table->keys[here - 1] = key;
			table->values[here - 1] = value;
		}
}
