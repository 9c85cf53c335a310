//go:build !faultpoints

package work

// faultPoint is where a test may have the process die. In a program that people run there is none.
func faultPoint(string) {}
