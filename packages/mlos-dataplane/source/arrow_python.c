/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Python module cannot do in Python: release memory while an exception is on its way, as happens where somebody
 * drops an array because of an error. A function written in Python would lose that exception.
 *
 * The interpreter is looked up when it is needed, so that programs without one need none.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "mlos/arrow.h"

/* A function of the interpreter that runs in this process. */
#define PYTHON(result, name, ...) ((result(*)(__VA_ARGS__))dlsym(RTLD_DEFAULT, #name))

void dp_arrow_python_let_go(void *object)
{
	void *type, *value, *trace;
	int state;

	if (!PYTHON(int, Py_IsInitialized, void)())
		return; /* what the interpreter left behind goes with the process */
	state = PYTHON(int, PyGILState_Ensure, void)();
	PYTHON(void, PyErr_Fetch, void **, void **, void **)(&type, &value, &trace);
	PYTHON(void, Py_DecRef, void *)(object);
	PYTHON(void, PyErr_Restore, void *, void *, void *)(type, value, trace);
	PYTHON(void, PyGILState_Release, int)(state);
}

/* The structure in a capsule; nobody needs the capsule any more. */
static void *take_from(void *capsule)
{
	const char *name = PYTHON(const char *, PyCapsule_GetName, void *)(capsule);

	return PYTHON(void *, PyCapsule_GetPointer, void *, const char *)(capsule, name);
}

static void free_structure(void *structure)
{
	PYTHON(void, PyMem_RawFree, void *)(structure);
}

void dp_arrow_python_drop_schema(void *capsule)
{
	struct ArrowSchema *schema = take_from(capsule);

	if (schema->release)
		schema->release(schema);
	free_structure(schema);
}

void dp_arrow_python_drop_array(void *capsule)
{
	struct ArrowArray *array = take_from(capsule);

	if (array->release)
		array->release(array);
	free_structure(array);
}
