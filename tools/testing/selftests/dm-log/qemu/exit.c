// SPDX-License-Identifier: GPL-2.0
/*
 * Leave QEMU with an exit status that the host can see; or, told "restart", by a restart.
 *
 * QEMU's isa-debug-exit device ends the process with (value * 2) + 1.  QEMU
 * itself fails with 1, which would be value 0, so the status is sent with an
 * offset of 16 and the host can tell "guest said 0" from "QEMU did not start".
 * Debian's cloud kernels have no /dev/port, hence a program.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#define EXIT_PORT	0xf4
#define EXIT_OFFSET	16
#define EXIT_MAX	(127 - EXIT_OFFSET)

static void drain(const char *tty)
{
	int fd = open(tty, O_WRONLY | O_NOCTTY);

	if (fd >= 0)
		tcdrain(fd);
}

int main(int argc, char **argv)
{
	int status = argc > 1 ? atoi(argv[1]) : EXIT_MAX;

	if (status < 0 || status > EXIT_MAX)
		status = EXIT_MAX;

	/* What the script printed is still in the serial port's buffer. */
	drain("/dev/ttyS0");
	drain("/dev/ttyS1");

	if (argc > 1 && !strcmp(argv[1], "restart")) {
		reboot(RB_AUTOBOOT);
		return 1;
	}
	if (ioperm(EXIT_PORT, 4, 1))
		return 1;
	outl(EXIT_OFFSET + status, EXIT_PORT);
	return 1;
}
