/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files (or the files of the folders) named on the command line,
 * without libFuzzer.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	struct file_map map = { 0 };
	struct error error;

	if (file_map_open(path, "input", &map, &error) < 0) {
		fprintf(stderr, "%s\n", error.message);
		return 1;
	}
	(void)LLVMFuzzerTestOneInput(map.data, map.size);
	file_map_close(&map);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	int failed = 0;

	(void)LLVMFuzzerTestOneInput(NULL, 0);
	for (int i = 1; i < argc; i++) {
		struct dirent **entries;
		int n = scandir(argv[i], &entries, NULL, alphasort);

		if (n < 0) {
			failed |= replay_file(argv[i]);
			count++;
			continue;
		}
		for (int j = 0; j < n; j++) {
			_cleanup_free_ char *path = NULL;

			if (entries[j]->d_name[0] != '.' &&
			    asprintf(&path, "%s/%s", argv[i], entries[j]->d_name) > 0) {
				failed |= replay_file(path);
				count++;
			}
			free(entries[j]);
		}
		free(entries);
	}
	printf("replayed %u inputs\n", count);
	return failed;
}
