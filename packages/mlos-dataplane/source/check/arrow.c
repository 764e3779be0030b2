/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arrow: arrays go out and come in again, every memory is released once, and what contradicts itself is refused. Says `ok CASE` of
 * each, or what is wrong and ends with 1. For valgrind and the sanitizers.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mlos/arrow.h"

#define must(condition) must_(condition, __func__, __LINE__, #condition)

static void must_(int good, const char *function, int line, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s:%d: %s (%s)\n", function, line, what, strerror(errno));
	exit(1);
}

static int released;

static void count_release(void *number)
{
	++*(int *)number;
}

static float numbers[2 * 3 * 4];

static struct dp_arrow_values values_of(const char *format, size_t dimensions, const int64_t *shape)
{
	return (struct dp_arrow_values){format, "numbers", numbers, dimensions, shape, count_release, &released};
}

static void numbers_go_out_and_come_in(void)
{
	struct dp_arrow_values values = values_of("f", 1, (int64_t[]){24});
	struct dp_arrow_column column;
	struct ArrowSchema schema;
	struct ArrowArray array;
	struct dp_arrow *arrow;

	released = 0;
	must(dp_arrow_export(&values, &schema, &array) == 0);
	must(strcmp(schema.format, "f") == 0 && schema.n_children == 0 && array.length == 24 && array.null_count == 0);
	arrow = dp_arrow_import(&schema, &array);
	must(arrow != NULL && !schema.release && !array.release && dp_arrow_columns(arrow) == 1);
	must(dp_arrow_column(arrow, 0, &column) == 0);
	must(column.data == numbers && column.item == 4 && column.dimensions == 1 && column.shape[0] == 24);
	must(strcmp(column.name, "numbers") == 0 && column.nulls == 0);
	must(dp_arrow_column(arrow, 1, &column) < 0 && errno == EINVAL);
	must(released == 0);
	dp_arrow_release(arrow);
	must(released == 1);
	must(dp_arrow_import(&schema, &array) == NULL && errno == EINVAL);
}

static void tensors_keep_their_shape(void)
{
	struct dp_arrow_values values = values_of("f", 3, (int64_t[]){2, 3, 4});
	struct dp_arrow_column column;
	struct ArrowSchema schema;
	struct ArrowArray array;
	struct dp_arrow *arrow;

	released = 0;
	must(dp_arrow_export(&values, &schema, &array) == 0);
	must(strcmp(schema.format, "+w:12") == 0 && array.length == 2 && array.children[0]->length == 24);
	arrow = dp_arrow_import(&schema, &array);
	must(arrow && dp_arrow_column(arrow, 0, &column) == 0);
	must(column.dimensions == 3 && column.shape[0] == 2 && column.shape[1] == 3 && column.shape[2] == 4);
	must(column.data == numbers && strcmp(column.format, "f") == 0);
	dp_arrow_release(arrow);
	must(released == 1);
}

/* What Arrow allows to who takes an array: to move a child out of it. */
static void a_child_that_was_moved_out_keeps_the_memory(void)
{
	struct dp_arrow_values values = values_of("f", 2, (int64_t[]){6, 4});
	struct ArrowSchema schema, schema_of_child;
	struct ArrowArray array, child;

	released = 0;
	must(dp_arrow_export(&values, &schema, &array) == 0);
	child = *array.children[0];
	array.children[0]->release = NULL;
	schema_of_child = *schema.children[0];
	schema.children[0]->release = NULL;
	array.release(&array);
	schema.release(&schema);
	must(!array.release && !schema.release && released == 0);
	must(child.buffers[1] == numbers && strcmp(schema_of_child.format, "f") == 0);
	schema_of_child.release(&schema_of_child);
	child.release(&child);
	must(released == 1);
}

static void a_block_goes_back_when_the_array_is_released(void)
{
	int fd = dp_pool_create(NULL, 4096, 1);
	struct dp_pool *pool = dp_pool_open_fd(fd);
	uint64_t handle = dp_pool_take(pool);
	struct dp_arrow_values values = values_of("l", 2, (int64_t[]){8, 64});
	struct ArrowSchema schema;
	struct ArrowArray array;

	must(pool && handle);
	must(dp_arrow_export_block(pool, handle, &values, &schema, &array) == 0);
	must(array.children[0]->buffers[1] == dp_pool_block(pool, handle));
	must(dp_pool_take(pool) == 0 && errno == ENOMEM);
	schema.release(&schema);
	array.release(&array);
	must(dp_arrow_export_block(pool, handle, &values, &schema, &array) < 0 && errno == ESTALE);
	handle = dp_pool_take(pool);
	must(handle != 0);
	values.shape = (int64_t[]){8, 65};
	must(dp_arrow_export_block(pool, handle, &values, &schema, &array) < 0 && errno == EINVAL);
	must(dp_pool_block(pool, handle) != NULL);
	dp_pool_close(pool);
	close(fd);
}

static void what_cannot_be_an_array_is_not_exported(void)
{
	static const struct {
		const char *format;
		size_t dimensions;
		int64_t shape[9];
		int error;
	} bad[] = {
		{"b", 1, {8}, ENOTSUP}, {"", 1, {8}, ENOTSUP}, {"ff", 1, {8}, ENOTSUP}, {"w:0", 1, {8}, ENOTSUP},
		{"w:-1", 1, {8}, ENOTSUP}, {"w:99999999999", 1, {8}, ENOTSUP}, {"f", 0, {0}, EINVAL}, {"f", 1, {-1}, EINVAL},
		{"f", 2, {1, -1}, EINVAL}, {"f", 2, {1, INT64_C(1) << 31}, EINVAL}, {"g", 1, {INT64_MAX / 8 + 1}, EINVAL},
		{"f", 3, {INT64_C(1) << 32, 1 << 16, 1 << 14}, EINVAL}, {"f", 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, EINVAL},
	};

	released = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct dp_arrow_values values = values_of(bad[i].format, bad[i].dimensions, bad[i].shape);
		struct ArrowSchema schema;
		struct ArrowArray array;

		errno = 0;
		must(dp_arrow_export(&values, &schema, &array) < 0 && errno == bad[i].error);
	}
	must(released == 0);
}

/* An array of somebody else's, to be spoilt: a batch of int32, of text and of lists of two int8. */

struct foreign {
	struct ArrowSchema schema, children[3], item;
	struct ArrowArray array, arrays[3], items;
	struct ArrowSchema *schema_children[3], *schema_item[1];
	struct ArrowArray *array_children[3], *array_item[1];
	const void *batch_buffers[1], *number_buffers[2], *text_buffers[3], *list_buffers[1], *item_buffers[2];
	int32_t numbers[5], offsets[5];
	int8_t pairs[10];
	uint8_t valid;
	int schemas, arrays_released;
};

static void release_schema(struct ArrowSchema *schema)
{
	++*(int *)schema->private_data;
	schema->release = NULL;
}

static void release_array(struct ArrowArray *array)
{
	++*(int *)array->private_data;
	array->release = NULL;
}

static void make_foreign(struct foreign *made)
{
	static const char *const formats[] = {"i", "u", "+w:2"};

	*made = (struct foreign){.numbers = {1, 2, 3, 4, 5}, .offsets = {0, 1, 3, 3, 6}, .valid = 0x1f};
	made->batch_buffers[0] = NULL;
	made->number_buffers[1] = made->numbers;
	made->text_buffers[1] = made->offsets;
	made->text_buffers[2] = "abbccc";
	made->item_buffers[1] = made->pairs;
	for (int i = 0; i < 3; i++) {
		made->schema_children[i] = &made->children[i];
		made->array_children[i] = &made->arrays[i];
		made->children[i] = (struct ArrowSchema){
			.format = formats[i], .name = formats[i], .release = release_schema, .private_data = &made->schemas};
		made->arrays[i] = (struct ArrowArray){
			.length = 4, .release = release_array, .private_data = &made->arrays_released};
	}
	made->arrays[0].n_buffers = 2;
	made->arrays[0].buffers = made->number_buffers;
	made->arrays[1].n_buffers = 3;
	made->arrays[1].buffers = made->text_buffers;
	made->arrays[2].n_buffers = 1;
	made->arrays[2].buffers = made->list_buffers;
	made->arrays[2].n_children = made->children[2].n_children = 1;
	made->arrays[2].children = made->array_item;
	made->children[2].children = made->schema_item;
	made->array_item[0] = &made->items;
	made->schema_item[0] = &made->item;
	made->item = (struct ArrowSchema){.format = "c", .release = release_schema, .private_data = &made->schemas};
	made->items = (struct ArrowArray){.length = 9, .offset = 1, .n_buffers = 2, .buffers = made->item_buffers,
					  .release = release_array, .private_data = &made->arrays_released};
	made->schema = (struct ArrowSchema){.format = "+s", .n_children = 3, .children = made->schema_children,
					    .release = release_schema, .private_data = &made->schemas};
	made->array = (struct ArrowArray){.length = 3, .offset = 1, .n_buffers = 1, .buffers = made->batch_buffers,
					  .n_children = 3, .children = made->array_children, .release = release_array,
					  .private_data = &made->arrays_released};
}

static void a_batch_is_seen_through_all_its_offsets(void)
{
	struct dp_arrow_column column;
	struct foreign foreign;
	struct dp_arrow *arrow;
	const void *bytes;

	make_foreign(&foreign);
	foreign.arrays[0].null_count = -1;
	foreign.number_buffers[0] = &foreign.valid;
	foreign.valid = 0x1f & ~4;
	arrow = dp_arrow_import(&foreign.schema, &foreign.array);
	must(arrow && dp_arrow_columns(arrow) == 3);
	must(dp_arrow_column(arrow, 0, &column) == 0);
	must(column.shape[0] == 3 && ((const int32_t *)column.data)[0] == 2);
	must(column.nulls == 1 && column.valid == &foreign.valid && column.valid_offset == 1);
	must(dp_arrow_column(arrow, 1, &column) == 0 && column.item == 0);
	must(dp_arrow_bytes(&column, 0, &bytes) == 2 && memcmp(bytes, "bb", 2) == 0);
	must(dp_arrow_bytes(&column, 1, &bytes) == 0);
	must(dp_arrow_bytes(&column, 2, &bytes) == 3 && memcmp(bytes, "ccc", 3) == 0);
	must(dp_arrow_bytes(&column, 3, &bytes) < 0 && dp_arrow_bytes(&column, -1, &bytes) < 0);
	must(dp_arrow_column(arrow, 2, &column) == 0);
	must(column.dimensions == 2 && column.shape[1] == 2 && column.data == foreign.pairs + 1 + 2);
	must(foreign.schemas == 0 && foreign.arrays_released == 0);
	dp_arrow_release(arrow);
	must(foreign.schemas == 1 && foreign.arrays_released == 1);
}

/* Ways to spoil it, and what is to be said of each. */

static const char *odd_metadata(const char *json)
{
	static char place[1024];
	const char *const texts[] = {"ARROW:extension:name", "arrow.fixed_shape_tensor", "ARROW:extension:metadata", json};
	int32_t number = 2;
	char *at = place;

	memcpy(at, &number, 4);
	at += 4;
	for (int i = 0; i < 4; i++) {
		number = (int32_t)strlen(texts[i]);
		memcpy(at, &number, 4);
		memcpy(at + 4, texts[i], (size_t)number);
		at += 4 + number;
	}
	return place;
}

static const int32_t minus_one = -1;

#define SPOIL(error, statement) \
	{ \
		make_foreign(&foreign); \
		statement; \
		errno = 0; \
		must(dp_arrow_import(&foreign.schema, &foreign.array) == NULL); \
		must_(errno == error, __func__, __LINE__, #statement); \
		must(foreign.schemas == 0 && foreign.arrays_released == 0); \
	}

static void what_contradicts_itself_is_refused(void)
{
	struct foreign foreign;

	SPOIL(EBADMSG, foreign.schema.format = NULL);
	SPOIL(EBADMSG, foreign.schema.children = NULL);
	SPOIL(EBADMSG, foreign.array.children = NULL);
	SPOIL(EBADMSG, foreign.schema_children[1] = NULL);
	SPOIL(EBADMSG, foreign.array_children[1] = NULL);
	SPOIL(EBADMSG, foreign.children[0].release = NULL);
	SPOIL(EBADMSG, foreign.arrays[0].release = NULL);
	SPOIL(EBADMSG, foreign.children[0].format = NULL);
	SPOIL(EBADMSG, foreign.schema.n_children = -1);
	SPOIL(EBADMSG, foreign.schema.n_children = 2);
	SPOIL(EBADMSG, foreign.schema.n_children = foreign.array.n_children = INT64_MAX);
	SPOIL(EBADMSG, foreign.array.length = -1);
	SPOIL(EBADMSG, foreign.array.length = 4);
	SPOIL(EBADMSG, foreign.array.offset = -1);
	SPOIL(EBADMSG, foreign.array.offset = INT64_MAX);
	SPOIL(EBADMSG, foreign.array.null_count = -2);
	SPOIL(EBADMSG, foreign.array.null_count = 4);
	SPOIL(EBADMSG, foreign.array.n_buffers = 0);
	SPOIL(EBADMSG, foreign.array.buffers = NULL);
	SPOIL(EBADMSG, foreign.array.null_count = 1);
	SPOIL(EBADMSG, foreign.arrays[0].length = 3);
	SPOIL(EBADMSG, foreign.arrays[0].offset = INT64_MAX - 1);
	SPOIL(EBADMSG, foreign.arrays[0].offset = INT64_MAX / 4);
	SPOIL(EBADMSG, foreign.arrays[0].null_count = 1);
	SPOIL(EBADMSG, foreign.arrays[0].n_buffers = 1);
	SPOIL(EBADMSG, foreign.arrays[0].n_buffers = INT64_MIN);
	SPOIL(EBADMSG, foreign.number_buffers[1] = NULL);
	SPOIL(EBADMSG, foreign.text_buffers[1] = NULL);
	SPOIL(EBADMSG, foreign.text_buffers[1] = (char *)foreign.offsets + 1);
	SPOIL(EBADMSG, foreign.text_buffers[2] = NULL);
	SPOIL(EBADMSG, foreign.offsets[1] = -1);
	SPOIL(EBADMSG, foreign.offsets[3] = 2);
	SPOIL(EBADMSG, foreign.arrays[1].offset = INT64_MAX / 2);
	SPOIL(EBADMSG, foreign.items.length = 7);
	SPOIL(EBADMSG, foreign.arrays[2].offset = INT64_MAX / 2);
	SPOIL(EBADMSG, foreign.items.offset = INT64_MAX);
	SPOIL(EBADMSG, foreign.arrays[2].n_children = foreign.children[2].n_children = 0);
	SPOIL(EBADMSG, foreign.children[2].metadata = (const char *)&minus_one);
	SPOIL(EBADMSG, foreign.children[2].metadata = odd_metadata("{\"shape\":[3]}"));
	SPOIL(EBADMSG, foreign.children[2].metadata = odd_metadata("{\"shape\":[4294967296,4294967296]}"));
	SPOIL(EBADMSG, foreign.children[2].metadata = odd_metadata("{\"shape\":[99999999999999999999]}"));
	SPOIL(EBADMSG, foreign.children[2].metadata = odd_metadata("{\"shape\":[-2]}"));
	SPOIL(EBADMSG, foreign.children[2].metadata = odd_metadata("{\"shape\":[2]"));
	SPOIL(EBADMSG, foreign.children[2].metadata = odd_metadata("{\"dim_names\":[\"shape\"]}"));
	SPOIL(EBADMSG, foreign.children[2].metadata = odd_metadata(""));
	SPOIL(EBADMSG, foreign.children[2].metadata = odd_metadata("{\"shape\":[1,1,1,1,1,1,1,2]}"));
	SPOIL(ENOTSUP, foreign.children[2].metadata = odd_metadata("{\"permutation\":[1,0],\"shape\":[2,1]}"));
	SPOIL(ENOTSUP, foreign.children[0].format = "b");
	SPOIL(ENOTSUP, foreign.children[0].format = "+s");
	SPOIL(ENOTSUP, foreign.children[0].format = "+w:2147483648");
	SPOIL(ENOTSUP, foreign.children[0].dictionary = &foreign.item);
	SPOIL(ENOTSUP, foreign.item.format = "u");
	SPOIL(ENOTSUP, (foreign.list_buffers[0] = NULL, foreign.items.null_count = -1,
			foreign.item_buffers[0] = (const uint8_t[2]){0}));
	SPOIL(ENOTSUP, (foreign.array.null_count = -1, foreign.batch_buffers[0] = (const uint8_t[1]){2}));
}

/* Metadata with any bytes in their text are refused or understood, and nothing behind them is read. */
static void any_text_as_metadata_does_no_harm(void)
{
	static const char good[] = "{\"dim_names\": [\"a\\\"\", \"{\"], \"x\": {\"y\": [1]}, \"shape\": [2, 1], \"permutation\": null}";
	uint64_t random = 1;
	int understood = 0;

	for (int round = 0; round < 20000; round++) {
		char text[sizeof(good)], *whole;
		struct foreign foreign;
		struct dp_arrow *arrow;
		size_t length;

		memcpy(text, good, sizeof(good));
		for (int i = 0; round > 0 && i < 1 + round % 3; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			text[(random >> 33) % (sizeof(good) - 1)] = "\"{}[],:0129x\\ \n"[(random >> 50) % 15];
		}
		make_foreign(&foreign);
		length = (size_t)(4 + 4 + 20 + 4 + 24 + 4 + 24 + 4) + strlen(text);
		whole = malloc(length); /* no byte more: reading behind it is found */
		memcpy(whole, odd_metadata(text), length);
		foreign.children[2].metadata = whole;
		arrow = dp_arrow_import(&foreign.schema, &foreign.array);
		must(arrow || errno == EBADMSG || errno == ENOTSUP);
		understood += arrow != NULL;
		must(round > 0 || arrow);
		dp_arrow_release(arrow);
		free(whole);
	}
	must(understood > 1000 && understood < 19000);
}

#define CASE(name) {#name, name}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	CASE(numbers_go_out_and_come_in),
	CASE(tensors_keep_their_shape),
	CASE(a_child_that_was_moved_out_keeps_the_memory),
	CASE(a_block_goes_back_when_the_array_is_released),
	CASE(what_cannot_be_an_array_is_not_exported),
	CASE(a_batch_is_seen_through_all_its_offsets),
	CASE(what_contradicts_itself_is_refused),
	CASE(any_text_as_metadata_does_no_harm),
};

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cases[i].run();
		printf("ok %s\n", cases[i].name);
		fflush(stdout);
	}
	return 0;
}
