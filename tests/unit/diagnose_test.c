#include "tests/unit/cmocka_all.h"
int main(void){return 0;}
