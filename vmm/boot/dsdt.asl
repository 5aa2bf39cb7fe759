/* SPDX-License-Identifier: MIT */
/*
 * The devices that a guest cannot find by itself.  Numbers are those of vmm/boot/acpi.h and of
 * devices/legacy/.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "GLSBOX", "GLASSBOX", 0x00000001)
{
    /* Soft off: the value that goes to SLP_TYP of PM1a_CNT (ACPI_SLEEP_TYPE_S5). */
    Name (\_S5, Package () { 5, 0, 0, 0 })

    Scope (\_SB)
    {
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501")) // 16550A
            Name (_UID, 0)
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 0x00, 0x08)
                IRQNoFlags () { 4 }
            })
        }

        Device (RTC)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 0x00, 0x02)
                IRQNoFlags () { 8 }
            })
        }
    }
}
