/* SPDX-License-Identifier: MIT */
/*
 * Do CMPXCHG8B and CMPXCHG16B leave all flags but ZF alone, as the manuals have it (Intel SDM vol.
 * 2, "CMPXCHG8B/CMPXCHG16B")? An emulator that loses the flags here crashes kernels at random. One
 * thread, no library.
 *
 * Prints one line a check; exit status 0 if both passed, or else 1.
 */
#include <stdint.h>
#include <stdio.h>

#define FLAG_CF   (1u << 0)
#define FLAG_ZF   (1u << 6)
#define FLAG_NT   (1u << 14)
#define FLAGS_ALL 0x7fd7u /* all of bits 0 to 14, less those that are reserved */

/*
 * POPF makes an emulator store flags, the subtraction makes new ones that it may not have stored
 * yet, and its operands are such that they would be odd flags: 0x4000 is NT. The comparison fails.
 */
#define FLAGS_AFTER(instruction, memory)                                                           \
	({                                                                                         \
		uint64_t flags_, left_ = 0x1000;                                                   \
		uint64_t a_ = 1, d_ = 1;                                                           \
		__asm__ volatile("pushfq\n\tpopfq\n\t"                                             \
				 "sub %[right], %[left]\n\t" instruction " %[mem]\n\t"             \
				 "pushfq\n\tpop %[flags]"                                          \
				 : [flags] "=&r"(flags_), [left] "+&r"(left_), "+a"(a_),           \
				   "+d"(d_), [mem] "+m"(memory)                                    \
				 : [right] "r"(UINT64_C(0x4040)), "b"(0ull), "c"(0ull)             \
				 : "cc", "memory");                                                \
		(uint32_t) flags_;                                                                 \
	})

static int check(const char *what, uint32_t flags)
{
	/* 0x1000 - 0x4040 borrows, is not zero, and the failed comparison clears ZF, too. */
	int passed = (flags & FLAG_CF) && !(flags & (FLAG_ZF | FLAG_NT));

	printf("%s - %s leaves the other flags alone (they are %#x)\n", passed ? "ok" : "not ok",
	       what, flags & FLAGS_ALL);
	return !passed;
}

int main(void)
{
	_Alignas(16) uint64_t pair[2] = { 0, 0 };
	uint64_t single = 0;
	int failed = 0;

	failed += check("cmpxchg8b", FLAGS_AFTER("cmpxchg8b", single));
	failed += check("cmpxchg16b", FLAGS_AFTER("cmpxchg16b", pair));
	return failed != 0;
}
