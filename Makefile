# SPDX-License-Identifier: GPL-2.0-only
#
# Build, patch, test. Every target is a script in scripts/ that can be run by
# itself; what they make goes to build/ and to ~/.cache/dm-log.

# The kernel to build for: its headers or its build directory. By default the
# running kernel's headers if they are installed, or else Debian's for 6.12.
KDIR ?= $(wildcard /lib/modules/$(shell uname -r)/build)

.DEFAULT_GOAL := module
.PHONY: module modules install uninstall install-tool uninstall-tool deb patch deps check \
	deb-check check-package crc-check intree-check series-check kunit kunit-kasan kunit-kcsan \
	kunit-rt kunit-arch selftest selftest-debug selftest-distro selftest-kasan selftest-kcsan \
	selftest-rt cluster replicas power-cuts torture lvm-check raid-log tool-check demo bench \
	lint coccicheck docs clean help

## Build
module: deps		## dm-log.ko for KDIR=... (default: the running kernel, or Debian 6.12)
	@scripts/module "$(or $(KDIR),$$(scripts/kernel headers 6.12))"

modules: deps		## dm-log.ko for Debian's kernels: 6.1, 6.12 and the newest
	@scripts/module "$$(scripts/kernel headers 6.12)"
	@scripts/module "$$(scripts/kernel headers 6.1)"
	@scripts/module "$$(scripts/kernel headers newest)"

install: deps		## put dm-log.ko before the stock one (KDIR=..., DESTDIR=...)
	@scripts/install $(KDIR)

uninstall: deps		## take it away again
	@scripts/install --remove $(KDIR)

install-tool:		## dm-log-show, which shows what is dirty (PREFIX=/usr/local, DESTDIR=...)
	@$(MAKE) --no-print-directory -C tools/dm-log install

uninstall-tool:		## take it away again
	@$(MAKE) --no-print-directory -C tools/dm-log uninstall

deb: deps		## Debian packages in build/: dm-log.ko by DKMS, and dm-log-show
	@scripts/deb

patch: deps		## build/dm-log.patch and build/series/, for the newest source or RELEASE=6.12
	@scripts/make-patch $(RELEASE)
	@scripts/make-series $(RELEASE)

## See it work
demo: deps		## Debian's kernel in QEMU: a mirror, a power cut, what is copied after it
	@scripts/demo

bench: deps		## speed, beside the stock module
	@scripts/bench

## Test
check: deps		## everything below, and the demo; ends with "N passed, N failed"
	@scripts/check

crc-check: deps		## exported symbols and their CRCs against the distribution's
	@scripts/crc-check

intree-check: deps	## the patched kernel, DM_MIRROR=y and =m, with and without userspace
	@scripts/intree-check $(RELEASE)

series-check: deps	## the patch series: git am takes it, every step builds
	@scripts/series-check $(RELEASE)

kunit: deps		## KUnit suites, with the kernel's kunit.py on User-Mode Linux
	@scripts/kunit $(RELEASE)

selftest: deps		## selftests in a booted kernel (User-Mode Linux)
	@scripts/selftest

cluster: deps		## cluster mirrors, with LVM's cmirrord on one node, two and three
	@scripts/cluster

replicas: deps		## cluster mirrors in one program, with cmirrord's own source, a million passes
	@scripts/replicas

power-cuts: deps	## Debian's kernel in QEMU, killed while it writes, ten times
	@scripts/power-cuts

lvm-check: deps		## LVM in QEMU: create, convert, pvmove, resize, failures and repair
	@scripts/lvm

raid-log: deps		## a log on raid1, of md and dm-raid: its disks are lost, the power is cut
	@scripts/raid-log

deb-check: deps		## the Debian packages: what is in them, and DKMS builds it
	@scripts/deb-check

tool-check: deps	## dm-log-show, on images of every kind
	@scripts/tool-check

lint: deps		## checkpatch --strict, sparse, W=1, kernel-doc, shellcheck ..., coccicheck, docs
	@scripts/lint
	@scripts/coccicheck
	@scripts/docs

coccicheck: deps	## the kernel's semantic patches (Coccinelle) on our files
	@scripts/coccicheck

docs: deps		## build/docs, with Sphinx; any warning fails
	@scripts/docs

## Not part of check: each builds a kernel of its own, 10 to 20 minutes the first time
selftest-debug: deps	## selftests with KASAN, lockdep, kmemleak and injected faults
	@scripts/selftest --debug

selftest-distro: deps	## selftests under Debian's own kernel and dm-mirror (QEMU)
	@scripts/selftest --distro

selftest-kasan: deps	## selftests on x86_64, two CPUs, with KASAN, UBSAN and lockdep
	@scripts/selftest --kasan

selftest-kcsan: deps	## selftests on x86_64, two CPUs, with KCSAN
	@scripts/selftest --kcsan

selftest-rt: deps	## selftests on x86_64, two CPUs, with PREEMPT_RT and lockdep
	@scripts/selftest --rt

kunit-kasan: deps	## KUnit suites on x86_64 with KASAN, UBSAN and lockdep
	@scripts/kunit --kasan

kunit-kcsan: deps	## KUnit suites on x86_64 with KCSAN
	@scripts/kunit --kcsan

kunit-rt: deps		## KUnit suites on x86_64 with PREEMPT_RT and lockdep
	@scripts/kunit --rt

kunit-arch: deps	## KUnit suites on ARCH=s390, m68k, i386, arm64 or powerpc, in QEMU
	@scripts/kunit $(RELEASE) --machine=$(ARCH)

## Not part of check: half an hour
check-package: deps	## dm-log-dkms in Debian 12 and 13 in QEMU: install, boot, upgrade, remove
	@scripts/check-package 12
	@scripts/check-package 13

## Hours
torture: deps		## a soak of one hour (TIME=seconds), and all else at length; a tally at the end
	@scripts/torture $(if $(TIME),--time $(TIME))

## Other
deps:			## install missing Debian packages (all targets do)
	@scripts/deps

clean:			## remove build/ (the kernels in the cache stay)
	rm -rf build

help:			## this list
	@awk -F ':.*## ' '/^## / { print substr($$0, 4) ":" } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
