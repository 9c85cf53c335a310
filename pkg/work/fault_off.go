//go:build !faultpoints

package count

// faultPoint is where a test may have the process die. In a program that people run there is none.
func faultPoint(string) {}
