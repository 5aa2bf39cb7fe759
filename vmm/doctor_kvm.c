/* SPDX-License-Identifier: MIT */
/* The doctor's checks of KVM's device, its capabilities and its kernel module. */
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "vmm/doctor_check.h"

/* True if /proc/cpuinfo has @flag among the processor's. */
static bool cpu_has_flag(const char *flag)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/cpuinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0) {
		char *rest = line, *word;

		if (strncmp(line, "flags", 5) != 0)
			continue;
		while ((word = strsep(&rest, " \t\n")))
			if (strcmp(word, flag) == 0)
				return true;
		return false;
	}
	return false;
}

/* The module whose instructions this processor has; NULL if none. */
static const char *fitting_module(void)
{
	return cpu_has_flag("vmx") ? "kvm_intel" : cpu_has_flag("svm") ? "kvm_amd" : NULL;
}

static bool module_is_there(const char *module)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/module/%s", module);
	return access(path, F_OK) == 0;
}

static void mend_missing(const char *path, struct doctor_result *result)
{
	const char *module = fitting_module();

	if (strcmp(path, "/dev/kvm") != 0)
		doctor_mend(result, "leave --kvm out, for /dev/kvm");
	else if (module_is_there("kvm_intel") || module_is_there("kvm_amd"))
		doctor_mend(result, "KVM is loaded: pass the device into this container "
				    "(--device=/dev/kvm), or mount a devtmpfs");
	else if (module)
		doctor_mend(result, "sudo modprobe %s", module);
	else
		doctor_mend(result, "enable VT-x or AMD-V in the firmware, or nested "
				    "virtualisation in the hypervisor around this machine; or use "
				    "Glassbox's lab: tools/lab/lab run -- COMMAND");
}

static bool in_group(gid_t gid)
{
	gid_t groups[256];
	int nr = getgroups((int)ARRAY_SIZE(groups), groups);

	for (int i = 0; i < nr; i++)
		if (groups[i] == gid)
			return true;
	return getegid() == gid;
}

static void mend_permission(const char *path, struct doctor_result *result)
{
	const struct group *group;
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	group = getgrgid(st.st_gid);
	if (group && st.st_gid != 0 && (st.st_mode & 0060) == 0060 && !in_group(st.st_gid))
		doctor_mend(result, "sudo usermod -aG %s $USER, then log in again", group->gr_name);
	else
		doctor_mend(result, "sudo chown $USER %s", path);
}

static void check_device(struct doctor_host *host, struct doctor_result *ret_result)
{
	_cleanup_close_ int fd = open(host->kvm_path, O_RDWR | O_CLOEXEC);
	int code = fd < 0 ? errno : 0;

	switch (code) {
	case 0:
		doctor_say(ret_result, DOCTOR_OK, "%s opens for reading and writing",
			   host->kvm_path);
		host->kvm_usable = true;
		return;
	case EACCES: mend_permission(host->kvm_path, ret_result); break;
	case EPERM:
		doctor_mend(ret_result, "let this container use the device: --device=%s",
			    host->kvm_path);
		break;
	case ENOENT:
	case ENODEV:
	case ENXIO: mend_missing(host->kvm_path, ret_result); break;
	default: doctor_mend(ret_result, DOCTOR_MEND_HOST); break;
	}
	doctor_say(ret_result, DOCTOR_FAIL, "cannot open %s: %s", host->kvm_path, strerror(code));
}

/* What Glassbox does without, but not as well.  What it cannot do without, kvm_open() knows. */
static const struct wish {
	unsigned capability;
	unsigned bits; /* of its value; 0: any but 0 */
	const char *name, *without;
} wishes[] = {
	{ KVM_CAP_IOEVENTFD, 0, "KVM_CAP_IOEVENTFD", "slower virtio" },
	{ KVM_CAP_IRQFD, 0, "KVM_CAP_IRQFD", "slower virtio" },
	{ KVM_CAP_SIGNAL_MSI, 0, "KVM_CAP_SIGNAL_MSI", "no MSI-X" },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS, "KVM_CAP_SYNC_REGS", "slower tracing" },
	{ KVM_CAP_SET_GUEST_DEBUG, 0, "KVM_CAP_SET_GUEST_DEBUG", "no debugging" },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 0, "KVM_CAP_X86_TRIPLE_FAULT_EVENT",
	  "triple faults look like reboots" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 0, "KVM_CAP_TSC_DEADLINE_TIMER", "slower guest timers" },
};

static void check_capabilities(struct doctor_host *host, struct doctor_result *ret_result)
{
	_cleanup_(kvm_close) struct kvm kvm = KVM_INIT;
	char lacking[256] = "";
	struct error error;
	size_t len = 0;
	int r;

	host->kvm_usable = false;
	r = kvm_open(host->kvm_path, &kvm, &error);
	if (r < 0) {
		doctor_say(ret_result, DOCTOR_FAIL, "%s", error.message);
		doctor_mend(ret_result, "use Linux 5.15 or newer, and KVM's own device");
		return;
	}
	host->kvm_usable = true;
	ret_result->value = json_pack("{si si}", "api_version", KVM_API_VERSION, "max_vcpus",
				      kvm_check_extension(&kvm, KVM_CAP_MAX_VCPUS));
	for (unsigned i = 0; i < ARRAY_SIZE(wishes); i++) {
		unsigned found = (unsigned)kvm_check_extension(&kvm, wishes[i].capability);
		int n;

		if (wishes[i].bits ? (found & wishes[i].bits) == wishes[i].bits : found != 0)
			continue;
		n = snprintf(lacking + len, sizeof(lacking) - len, "%s%s (%s)", len ? ", " : "",
			     wishes[i].name, wishes[i].without);
		len = MIN(len + (size_t)MAX(n, 0), sizeof(lacking) - 1);
	}
	if (!len) {
		doctor_say(ret_result, DOCTOR_OK, "API version %d, all capabilities",
			   KVM_API_VERSION);
		return;
	}
	doctor_say(ret_result, DOCTOR_WARN, "API version %d, without %s", KVM_API_VERSION, lacking);
	doctor_mend(ret_result, "use Linux 6.1 or newer");
}

static const struct backend {
	const char *module, *what;
	enum doctor_verdict verdict;
} backends[] = {
	{ "kvm_intel", "VT-x", DOCTOR_OK },
	{ "kvm_amd", "AMD-V", DOCTOR_OK },
	{ "kvm_pvm",
	  "no hardware virtualisation: it may emulate guest kernels, the checks below "
	  "tell",
	  DOCTOR_WARN },
};

/* Kernels with both vendors' parts built in show both modules: the processor decides. */
static const struct backend *find_backend(void)
{
	const char *fitting = fitting_module();

	for (unsigned i = 0; i < ARRAY_SIZE(backends); i++)
		if (fitting && strcmp(backends[i].module, fitting) == 0 && module_is_there(fitting))
			return &backends[i];
	for (unsigned i = 0; i < ARRAY_SIZE(backends); i++)
		if (module_is_there(backends[i].module))
			return &backends[i];
	return NULL;
}

static void check_backend(struct doctor_host *host, struct doctor_result *ret_result)
{
	const struct backend *backend = find_backend();
	bool nested = cpu_has_flag("hypervisor");

	(void)host;
	if (!backend) {
		doctor_say(ret_result, DOCTOR_WARN,
			   "none of kvm_intel, kvm_amd and kvm_pvm in /sys/module");
		return;
	}
	ret_result->value =
		json_pack("{ss sb}", "module", backend->module, "in_virtual_machine", nested);
	doctor_say(ret_result, backend->verdict, "%s: %s%s", backend->module, backend->what,
		   nested ? " (in a virtual machine)" : "");
}

static const struct doctor_check checks[] = {
	{ .id = "device", .title = "KVM device", .area = DOCTOR_AREA_RUN, .look = check_device },
	{ .id = "capabilities",
	  .title = "KVM capabilities",
	  .area = DOCTOR_AREA_RUN,
	  .needs_kvm = true,
	  .look = check_capabilities },
	{ .id = "backend", .title = "KVM backend", .needs_kvm = true, .look = check_backend },
};

const struct doctor_table doctor_kvm_checks = { checks, ARRAY_SIZE(checks) };
