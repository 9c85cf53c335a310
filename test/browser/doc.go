// Package browser holds presentations in a real browser, Chromium, on the production shape: a
// presenter on stage and an audience with a browser each. Its tests are about what people see.
// What the API answers is tested in package e2e.
//
// Every page that a test opens is watched. An error in a script, a message of the content security
// policy or a dialog fails the test. Screenshots are written to .build/screenshots, those of
// stages with every sort of text to .build/scenes. With -write those of the README and the table
// of docs/room.md are written, too.
package browser
