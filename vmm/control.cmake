# SPDX-License-Identifier: MIT
# The control socket, as far as it knows no machine; what it does to one is in glassbox_vmm.
add_library(glassbox_control STATIC
    control/request.c
    control/server.c)
target_link_libraries(glassbox_control PUBLIC glassbox_compiler glassbox_base PkgConfig::JANSSON)

# `glassbox ctl`, the other end.
add_library(glassbox_ctl STATIC
    ctl.c
    ctl_socket.c
    ctl_table.c
    ctl_text.c)
target_link_libraries(glassbox_ctl PUBLIC glassbox_vmm PkgConfig::JANSSON)
