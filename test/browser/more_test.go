package browser

import (
	"fmt"
	"strings"
	"testing"
)

// TestWhatAnEventHasNoRoomForIsReadByThePageThatNeedsIt shows a question with more text than an
// event carries, and then more answers. The stage has them all, and keeps them while others come.
// A phone has the first ones, and all when somebody asks for them.
func TestWhatAnEventHasNoRoomForIsReadByThePageThatNeedsIt(t *testing.T) {
	const options, texts = 20, 40
	long := newPoll{question: "Which?", kind: "choice"}
	for i := range options {
		long.options = append(long.options, fmt.Sprint(i)+strings.Repeat(" <ö>", 200))
	}
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice", options: plain.options}, long,
		newPoll{question: "Ideas?", kind: "open_text"})
	r.show(0)
	stage, remote, phone := visit(t, "presenter", desktop).presents(r),
		visit(t, "remote", phone).presents(r), visit(t, "voter", phone)
	stage.open("/stage/" + r.ID)
	remote.open("/remote/" + r.ID)
	phone.open("/p/" + r.ID)
	all := []*visitor{stage, remote, phone}
	for _, v := range all {
		v.shows("#question", plain.question)
	}

	r.show(1)
	for _, v := range all {
		v.shows("#question", "Which?")
		v.until(`document.querySelectorAll("#chart .bar").length === %d`, options)
	}
	phone.until(`document.querySelectorAll("#ballot .option").length === %d`, options)
	phone.click("#ballot .option:nth-of-type(3)")
	phone.counted()
	for _, v := range all {
		v.until(`document.querySelectorAll("#chart .bar")[2].classList.contains("leads")`)
	}
	phone.reload()
	phone.until(`document.querySelectorAll("#ballot .option").length === %d`, options)

	r.show(2)
	answer := func(i int) {
		r.vote(2, map[string]any{"text": fmt.Sprintf("%03d", i) +
			strings.Repeat("\U0001F600", 400)})
	}
	for i := range texts {
		answer(i)
	}
	for _, v := range all {
		v.shows("#question", "Ideas?")
	}
	const shown = `document.querySelectorAll("#chart .answer").length`
	for _, v := range []*visitor{stage, remote} {
		v.until(shown+` === %d`, texts)
	}
	phone.until(shown+` > 3 && `+shown+` < %d`, texts)
	phone.click("#more")
	phone.until(shown+` === %d && document.querySelector("#more").hidden`, texts)
	answer(texts)
	for _, v := range []*visitor{stage, remote} {
		v.until(shown+` === %d`, texts+1)
	}
	phone.until(`document.querySelector("#voters").textContent.startsWith("%d ")`, texts+1)
	phone.until(shown+` >= %d && !document.querySelector("#more").hidden`, texts)
}
