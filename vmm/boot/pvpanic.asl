/* SPDX-License-Identifier: MIT */
/*
 * The panic port of devices/legacy/pvpanic.h, by the name and with the methods that its
 * specification gives it.
 */
DefinitionBlock ("pvpanic.aml", "SSDT", 2, "GLSBOX", "GLASSPVP", 0x00000001)
{
    Scope (\_SB)
    {
        Device (PEVT)
        {
            Name (_HID, "QEMU0001")
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0505, 0x0505, 0x01, 0x01)
            })
            OperationRegion (PORT, SystemIO, 0x0505, 0x01)
            Field (PORT, ByteAcc, NoLock, Preserve)
            {
                EVNT, 8
            }

            Method (RDPT, 0, NotSerialized)
            {
                Return (EVNT)
            }

            Method (WRPT, 1, NotSerialized)
            {
                EVNT = Arg0
            }
        }
    }
}
