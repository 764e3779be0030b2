/* SPDX-License-Identifier: Apache-2.0 */
/* What devices compute, against the definitions written out. */
#include <stdlib.h>

#include "check/device.h"
#include "check/expect.h"

static void multiplies_matrices_of_int8(void)
{
	enum { M = 7, N = 33, K = 130 };
	struct mlaccel_device *device = opened();
	struct area left = area_of(device, M * K), right = area_of(device, K * N), to = area_of(device, M * N * 4);
	struct mlaccel_job *job = mlaccel_job_create();
	const int8_t *a = left.memory, *b = right.memory;

	for (int i = 0; i < M * K; i++)
		((int8_t *)left.memory)[i] = (int8_t)(i * 5);
	for (int i = 0; i < K * N; i++)
		((int8_t *)right.memory)[i] = (int8_t)(i * 3 - 100);
	EXPECT(mlaccel_matmul(job, MLACCEL_INT8, part_of(&to), part_of(&left), part_of(&right), M, N, K) == 0);
	EXPECT(run(device, job) == 0);
	for (int i = 0; i < M * N; i++) {
		int32_t sum = 0;

		for (int k = 0; k < K; k++)
			sum += a[i / N * K + k] * b[k * N + i % N];
		EXPECT(((int32_t *)to.memory)[i] == sum);
	}
	mlaccel_job_close(job);
	area_close(&left);
	area_close(&right);
	area_close(&to);
	mlaccel_close(device);
}

/* Small integers and halves: every sum is exact. */
static void fill_fp32(float *numbers, int count, int range)
{
	for (int i = 0; i < count; i++)
		numbers[i] = (float)(i * 7 % range) - (float)range / 2;
}

static void multiplies_matrices_of_fp32(void)
{
	enum { M = 17, N = 9, K = 40 };
	struct mlaccel_device *device = opened();
	struct area left = area_of(device, M * K * 4), right = area_of(device, K * N * 4), to = area_of(device, M * N * 4);
	struct mlaccel_job *job = mlaccel_job_create();
	const float *a = left.memory, *b = right.memory;

	fill_fp32(left.memory, M * K, 17);
	fill_fp32(right.memory, K * N, 13);
	EXPECT(mlaccel_matmul(job, MLACCEL_FP32, part_of(&to), part_of(&left), part_of(&right), M, N, K) == 0);
	EXPECT(run(device, job) == 0);
	for (int i = 0; i < M * N; i++) {
		float sum = 0;

		for (int k = 0; k < K; k++)
			sum += a[i / N * K + k] * b[k * N + i % N];
		EXPECT(((float *)to.memory)[i] == sum);
	}
	mlaccel_job_close(job);
	area_close(&left);
	area_close(&right);
	area_close(&to);
	mlaccel_close(device);
}

/* (2, 9, 8, 3) through (5, 3, 2, 3) in steps of 2 is (2, 4, 4, 5) */
enum { B = 2, H = 9, W = 8, C = 3, F = 5, Y = 3, X = 2, S = 2, R = 4, Q = 4 };
#define IMAGES (B * H * W * C)
#define FILTERS (F * Y * X * C)
#define RESULTS (B * R * Q * F)

static int at_image(int result, int y, int x, int c)
{
	int q = result / F % Q, r = result / F / Q % R, b = result / F / Q / R;

	return ((b * H + r * S + y) * W + q * S + x) * C + c;
}

static int at_filter(int result, int y, int x, int c)
{
	return ((result % F * Y + y) * X + x) * C + c;
}

static double convolved(int result, double (*image)(const void *, int), const void *images, const void *filters)
{
	double sum = 0;

	for (int y = 0; y < Y; y++)
		for (int x = 0; x < X; x++)
			for (int c = 0; c < C; c++)
				sum += image(images, at_image(result, y, x, c)) * image(filters, at_filter(result, y, x, c));
	return sum;
}

static double int8_at(const void *numbers, int index)
{
	return ((const int8_t *)numbers)[index];
}

static double fp32_at(const void *numbers, int index)
{
	return ((const float *)numbers)[index];
}

static void convolve(uint32_t type, struct area *images, struct area *filters, struct area *to, struct mlaccel_device *device)
{
	const struct mlaccel_convolution shape = {B, H, W, C, F, Y, X, S};
	struct mlaccel_job *job = mlaccel_job_create();

	EXPECT(mlaccel_convolve(job, type, part_of(to), part_of(images), part_of(filters), &shape) == 0);
	EXPECT(run(device, job) == 0);
	mlaccel_job_close(job);
}

static void convolves_in_both_types(void)
{
	struct mlaccel_device *device = opened();
	struct area images = area_of(device, IMAGES * 4), filters = area_of(device, FILTERS * 4);
	struct area to = area_of(device, RESULTS * 4);

	for (int i = 0; i < IMAGES; i++)
		((int8_t *)images.memory)[i] = (int8_t)(i * 11);
	for (int i = 0; i < FILTERS; i++)
		((int8_t *)filters.memory)[i] = (int8_t)(50 - i);
	convolve(MLACCEL_INT8, &images, &filters, &to, device);
	for (int i = 0; i < RESULTS; i++)
		EXPECT(((int32_t *)to.memory)[i] == convolved(i, int8_at, images.memory, filters.memory));
	fill_fp32(images.memory, IMAGES, 17);
	fill_fp32(filters.memory, FILTERS, 13);
	convolve(MLACCEL_FP32, &images, &filters, &to, device);
	for (int i = 0; i < RESULTS; i++)
		EXPECT(((float *)to.memory)[i] == convolved(i, fp32_at, images.memory, filters.memory));
	area_close(&images);
	area_close(&filters);
	area_close(&to);
	mlaccel_close(device);
}

static int cut_off(int value)
{
	return value < -128 ? -128 : value > 127 ? 127 : value;
}

/* Sums, products and relu, each into a part of its own of one buffer. */
static void works_on_elements_of_int8(void)
{
	enum { COUNT = 40000 };
	struct mlaccel_device *device = opened();
	struct area left = area_of(device, COUNT), right = area_of(device, COUNT), to = area_of(device, 3 * COUNT);
	struct mlaccel_job *job = mlaccel_job_create();
	int8_t *a = left.memory, *b = right.memory, *results = to.memory;

	for (int i = 0; i < COUNT; i++) {
		a[i] = (int8_t)(i * 3);
		b[i] = (int8_t)(i / 256);
	}
	EXPECT(mlaccel_add(job, MLACCEL_INT8, part_of(&to), part_of(&left), part_of(&right), COUNT) == 0);
	EXPECT(mlaccel_multiply(job, MLACCEL_INT8, part_at(&to, COUNT), part_of(&left), part_of(&right), COUNT) == 0);
	EXPECT(mlaccel_relu(job, MLACCEL_INT8, part_at(&to, 2 * COUNT), part_of(&left), COUNT) == 0);
	EXPECT(run(device, job) == 0);
	for (int i = 0; i < COUNT; i++) {
		EXPECT(results[i] == cut_off(a[i] + b[i]));
		EXPECT(results[COUNT + i] == cut_off(a[i] * b[i]));
		EXPECT(results[2 * COUNT + i] == (a[i] > 0 ? a[i] : 0));
	}
	mlaccel_job_close(job);
	area_close(&left);
	area_close(&right);
	area_close(&to);
	mlaccel_close(device);
}

/* One after the other, in place: relu((x + y) * y). */
static void works_on_elements_of_fp32_in_order(void)
{
	enum { COUNT = 1000 };
	struct mlaccel_device *device = opened();
	struct area x = area_of(device, COUNT * 4), y = area_of(device, COUNT * 4), to = area_of(device, COUNT * 4);
	struct mlaccel_job *job = mlaccel_job_create();

	fill_fp32(x.memory, COUNT, 31);
	fill_fp32(y.memory, COUNT, 9);
	EXPECT(mlaccel_add(job, MLACCEL_FP32, part_of(&to), part_of(&x), part_of(&y), COUNT) == 0);
	EXPECT(mlaccel_multiply(job, MLACCEL_FP32, part_of(&to), part_of(&to), part_of(&y), COUNT) == 0);
	EXPECT(mlaccel_relu(job, MLACCEL_FP32, part_of(&to), part_of(&to), COUNT) == 0);
	EXPECT(run(device, job) == 0);
	for (int i = 0; i < COUNT; i++) {
		float a = ((float *)x.memory)[i], b = ((float *)y.memory)[i], product = (a + b) * b;

		EXPECT(((float *)to.memory)[i] == (product > 0 ? product : 0));
	}
	mlaccel_job_close(job);
	area_close(&x);
	area_close(&y);
	area_close(&to);
	mlaccel_close(device);
}

static void copies_what_was_asked_for_and_no_more(void)
{
	enum { SIZE = 20000, FROM = 400, TO = 8, LENGTH = 12345 };
	struct mlaccel_device *device = opened();
	struct area from = area_of(device, SIZE), to = area_of(device, SIZE);
	struct mlaccel_job *job = mlaccel_job_create();
	char *source = from.memory, *result = to.memory;

	for (int i = 0; i < SIZE; i++)
		source[i] = (char)(i * 7 + 1);
	EXPECT(mlaccel_copy(job, part_at(&to, TO), part_at(&from, FROM), LENGTH) == 0);
	EXPECT(run(device, job) == 0);
	EXPECT(memcmp(result + TO, source + FROM, LENGTH) == 0);
	for (int i = 0; i < TO; i++)
		EXPECT(result[i] == 0);
	EXPECT(result[TO + LENGTH] == 0);
	mlaccel_job_close(job);
	area_close(&from);
	area_close(&to);
	mlaccel_close(device);
}

static void refuses_what_the_device_cannot(void)
{
	struct mlaccel_device *device = opened();
	struct mlaccel_context *context = mlaccel_context_create(device, 0);
	struct area to = area_of(device, 64), from = area_of(device, 64);
	struct mlaccel_job *job = mlaccel_job_create();
	struct mlaccel_info info;

	EXPECT(mlaccel_info(device, &info) == 0);
	EXPECT(mlaccel_factorial(job, part_of(&to), part_of(&from), 16) == 0);
	if (info.capabilities & MLACCEL_CAN_FACTORIAL) {
		skipped = "the device can do all there is";
	} else {
		REFUSED(mlaccel_submit(context, job, NULL), ENOTSUP);
		EXPECT(strstr(mlaccel_why(), "factorial"));
	}
	mlaccel_job_close(job);
	area_close(&to);
	area_close(&from);
	mlaccel_context_close(context);
	mlaccel_close(device);
}

const struct a_case compute_cases[] = {
	CASE(multiplies_matrices_of_int8),
	CASE(multiplies_matrices_of_fp32),
	CASE(convolves_in_both_types),
	CASE(works_on_elements_of_int8),
	CASE(works_on_elements_of_fp32_in_order),
	CASE(copies_what_was_asked_for_and_no_more),
	CASE(refuses_what_the_device_cannot),
	{0},
};
