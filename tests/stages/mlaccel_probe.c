/* What libmlaccel does and refuses where there is no device. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "mlos/accel.h"
#include "words.h"

int main(void)
{
	struct mlaccel_job *job = mlaccel_job_create();
	struct mlaccel_part none = {0};
	char words[128], few[10];

	assert(*mlaccel_why() == 0);
	assert(!mlaccel_open(0) && errno == ENODEV && strstr(mlaccel_why(), "device 0"));
	assert(!mlaccel_open_node("/dev/null") && errno == ENODEV);
	assert(!mlaccel_open_node("/nowhere") && errno == ENOENT && strstr(mlaccel_why(), "/nowhere"));
	for (int i = 0; i < 64; i++)
		assert(mlaccel_nop(job) == 0);
	assert(mlaccel_nop(job) == -1 && errno == ENOSPC);
	assert(mlaccel_copy(job, none, none, 4) == -1 && errno == EINVAL);
	mlaccel_job_close(job);
	mlaccel_close(NULL);
	mlaccel_buffer_close(NULL);
	mlaccel_context_close(NULL);
	assert(capabilities_in("int8 fp32 later copy\n") == (MLACCEL_CAN_INT8 | MLACCEL_CAN_FP32 | MLACCEL_CAN_COPY));
	assert(capabilities_in("") == 0 && capabilities_in("int") == 0 && capabilities_in("int88") == 0);
	assert(strcmp(words_of(UINT64_MAX, words, sizeof(words)),
		      "int8 fp32 copy matmul convolution elementwise import factorial") == 0);
	assert(strcmp(words_of(UINT64_MAX, few, sizeof(few)), "int8 fp32") == 0);
	return 0;
}
