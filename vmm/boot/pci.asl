/* SPDX-License-Identifier: MIT */
/*
 * The PCI host bridge (PCI Firmware 3.3, chapter 4).  Numbers are those of vmm/boot/acpi.h, the
 * wiring of interrupts is that of pci_host_intx_line().
 */
DefinitionBlock ("pci.aml", "SSDT", 2, "GLSBOX", "GLASSPCI", 0x00000001)
{
    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08")) // PCI Express root
            Name (_CID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_SEG, 0)
            Name (_BBN, 0)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0x0000, 0x0000, 0x0000, 0x0000, 0x0001)
                IO (Decode16, 0x0CF8, 0x0CF8, 0x00, 0x08)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000, 0xC000, 0xFFFF, 0x0000, 0x4000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x00000000, 0xD0000000, 0xFDFFFFFF, 0x00000000, 0x2E000000)
            })

            /* Each pin of each slot: GSI 16 + (slot + pin) % 8, level-triggered. */
            Method (_PRT, 0, NotSerialized)
            {
                Local0 = Package (128) {}
                Local1 = 0
                While (Local1 < 128)
                {
                    Local2 = Package (4) { 0, 0, 0, 0 }
                    Local2[0] = ((Local1 >> 2) << 16) | 0xFFFF
                    Local2[1] = Local1 & 3
                    Local2[3] = 16 + (((Local1 >> 2) + (Local1 & 3)) & 7)
                    Local0[Local1] = Local2
                    Local1++
                }
                Return (Local0)
            }

            /*
             * What the system may control by itself: the PCI Express capability structures.  There
             * is no hot plug, no power management event and no error reporting to take over.
             */
            Method (_OSC, 4, NotSerialized)
            {
                CreateDWordField (Arg3, 0, CDW1)
                If (Arg0 != ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
                {
                    CDW1 |= 0x04 // unknown UUID
                    Return (Arg3)
                }
                If (Arg1 != 1)
                {
                    CDW1 |= 0x08 // unknown revision
                }
                CreateDWordField (Arg3, 8, CDW3)
                Local0 = CDW3 & 0x10
                If (Local0 != CDW3)
                {
                    CDW1 |= 0x10 // not everything was granted
                }
                CDW3 = Local0
                Return (Arg3)
            }
        }

        /* Says that configuration space is not for anybody else to use (4.1.2). */
        Device (ECAM)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, 1)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0xC0000000, 0x00100000)
            })
        }
    }
}
