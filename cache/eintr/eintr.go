// Package eintr repeats system calls that a signal has interrupted (EINTR). It knows
// nothing about the calls.
package eintr

import "syscall"

// Retry makes a call until no signal interrupts it.
func Retry(call func() error) error {
	_, err := RetryValue(func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// RetryValue is [Retry] for a call that returns a value.
func RetryValue[T any](call func() (T, error)) (T, error) {
	for {
		value, err := call()
		if err != syscall.EINTR {
			return value, err
		}
	}
}
