/* Any bytes as a response: the events must not depend on the cuts, and nothing may leak. */
#include "h1_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n >= FUZZ_CHOICES && n <= FUZZ_MOST_BYTES)
        fuzz_compare(data, ps_bytes_of(data + FUZZ_CHOICES, n - FUZZ_CHOICES));
    return 0;
}
