package broker

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A dirLock keeps a second gateway out of a data folder. The system frees it
// when the process ends, however it ends.
type dirLock struct{ file *os.File }

// lockDir takes the lock of dir, or says who has it.
func lockDir(dir string) (*dirLock, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock broker.data_dir: %w", err)
	}
	if err := tryLock(file); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(file, 32))
		_ = file.Close()
		return nil, fmt.Errorf("broker.data_dir %s is in use by another gateway%s: stop that one, or give this one a data_dir of its own: %w",
			dir, processOf(string(holder)), err)
	}
	// The number is only for the message above; the lock does not need it.
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteAt([]byte(fmt.Sprint(os.Getpid())), 0)
	}
	return &dirLock{file}, nil
}

func processOf(holder string) string {
	if holder = strings.TrimSpace(holder); holder == "" {
		return ""
	}
	return " (process " + holder + ")"
}

// release frees the folder.
func (l *dirLock) release() { _ = l.file.Close() }
