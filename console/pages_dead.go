package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
)

// deadOnPage is how many dead letters one page lists.
const deadOnPage = 50

// A deadView is what the page of dead letters shows.
type deadView struct {
	Letters []letterView
	Next    string
	Preview bool              // the chosen letters, with what would become of them
	Done    []bridge.Replayed // what became of those that were replayed
	Wrong   string
}

// A letterView is a dead letter, its body, and what the rules in force would do.
type letterView struct {
	DeadLetter
	Text  string // what its sender sent
	Trial *Trial
}

func (c *Console) deadPage(g *gin.Context) { c.showDeadPage(g, deadView{}) }

// showDeadPage shows the newest dead letters below what was done.
func (c *Console) showDeadPage(g *gin.Context, view deadView) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	before, err := strconv.ParseUint(g.Query("before"), 10, 64)
	if err != nil {
		before = 0
	}
	letters, err := c.Replayer.Dead.List(ctx, before, deadOnPage)
	if err != nil {
		c.Log.Error().Err(err).Str("path", g.FullPath()).Msg("console: cannot read dead letters")
		c.sorry(g, http.StatusServiceUnavailable, "The dead letters cannot be read now. Try again in a moment.")
		return
	}
	for _, letter := range letters {
		view.Letters = append(view.Letters, letterOf(letter))
	}
	if len(letters) == deadOnPage {
		view.Next = fmt.Sprintf("/dead?before=%d", letters[deadOnPage-1].Sequence)
	}
	c.show(g, page{Title: "Dead letters", At: "/dead", Own: view.own})
}

func letterOf(letter events.DeadLetter) letterView {
	view := letterView{DeadLetter: newDeadLetter(letter), Text: pretty(letter.Entry.Body)}
	if letter.Entry.Err == nil {
		view.Text = pretty(letter.Entry.Event.Data())
	}
	return view
}

// replayFromPage shows what a replay of the chosen letters would do, or, once that
// was seen, replays them.
func (c *Console) replayFromPage(g *gin.Context) {
	g.Request.Body = http.MaxBytesReader(g.Writer, g.Request.Body, maxOrder)
	chosen := g.PostFormArray("letter")
	if len(chosen) == 0 {
		deedOf(g).idle = true
		c.showDeadPage(g, deadView{Wrong: "Choose at least one dead letter."})
		return
	}
	ctx, cancel := context.WithTimeout(g.Request.Context(), time.Minute)
	defer cancel()
	view := deadView{Preview: g.PostForm("do") != "replay"}
	done := deedOf(g)
	done.idle, done.object = view.Preview, "dead/"+url.PathEscape(strings.Join(chosen, ","))
	for _, text := range chosen[:min(len(chosen), deadOnPage)] {
		sequence, err := strconv.ParseUint(text, 10, 64)
		if err == nil && view.Preview {
			err = c.preview(ctx, sequence, &view)
		} else if err == nil {
			var told bridge.Replayed
			told, err = c.Replayer.Letter(ctx, sequence)
			view.Done = append(view.Done, told)
		}
		if err != nil {
			done.failed = err
			view.Wrong = fmt.Sprintf("Dead letter %s: %v", text, err)
			break
		}
	}
	if view.Preview && view.Wrong == "" {
		c.show(g, page{Title: "Replay dead letters", At: "/dead", Own: view.own})
		return
	}
	view.Preview, view.Letters = false, nil
	c.showDeadPage(g, view)
}

// preview adds a letter with what the rules in force would do with it.
func (c *Console) preview(ctx context.Context, sequence uint64, view *deadView) error {
	letter, err := c.Replayer.Dead.Get(ctx, sequence)
	if err != nil {
		return err
	}
	shown := letterOf(letter)
	if letter.Entry.Err == nil {
		trial := c.Setup().judge(letter.Entry.View())
		shown.Trial = &trial
	}
	view.Letters = append(view.Letters, shown)
	return nil
}
