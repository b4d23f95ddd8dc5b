//go:build unix

package broker

import (
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks file for this process, or fails at once.
func tryLock(file *os.File) error {
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
