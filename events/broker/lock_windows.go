package broker

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockedByte lies behind the process number, which others may still read.
const lockedByte = 1 << 10

// tryLock locks file for this process, or fails at once.
func tryLock(file *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{Offset: lockedByte})
}
