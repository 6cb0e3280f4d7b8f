//go:build !linux

package main

import "time"

// cpuTime and peakMemory are known on Linux only; zero shows as "-".

func cpuTime(int) (time.Duration, error) { return 0, nil }

func peakMemory(int) (int64, error) { return 0, nil }
