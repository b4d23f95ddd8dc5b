package console

import (
	"net/http"
	"net/http/pprof"
	"sync/atomic"

	"github.com/gin-gonic/gin"
	"github.com/rs/zerolog"
)

// A Level is how much the gateway logs.
type Level struct {
	Level string `json:"level"` // trace, debug, info, warn or error
}

// routeDebug serves what helps to find a fault; all of it takes an operator.
func (c *Console) routeDebug(router *gin.Engine) {
	debug := router.Group("/debug/pprof", c.admit(Operator))
	debug.GET("/", gin.WrapF(pprof.Index))
	debug.GET("/cmdline", gin.WrapF(pprof.Cmdline))
	debug.GET("/profile", gin.WrapF(pprof.Profile))
	debug.GET("/symbol", gin.WrapF(pprof.Symbol))
	debug.GET("/trace", gin.WrapF(pprof.Trace))
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
		debug.GET("/"+name, gin.WrapH(pprof.Handler(name)))
	}
}

// A Dial is how much is logged, and can be turned while the gateway runs. It is a
// zerolog.Hook of a logger that logs everything.
type Dial struct{ level atomic.Int32 }

// NewDial returns a dial set to a level.
func NewDial(level zerolog.Level) *Dial {
	d := &Dial{}
	d.level.Store(int32(level))
	return d
}

// Run keeps back what is below the level.
func (d *Dial) Run(e *zerolog.Event, level zerolog.Level, _ string) {
	if int32(level) < d.level.Load() {
		e.Discard()
	}
}

// routeLevel serves how much is logged; change guards what changes it.
func (c *Console) routeLevel(api *gin.RouterGroup, change guard) {
	api.GET("/log", c.showLevel)
	api.POST("/log", change("setLogLevel", c.setLevel)...)
}

func (c *Console) showLevel(g *gin.Context) {
	if c.Dial == nil {
		problem(g, http.StatusConflict, "how much this gateway logs is fixed")
		return
	}
	g.JSON(http.StatusOK, Level{zerolog.Level(c.Dial.level.Load()).String()})
}

// setLevel changes how much is logged, until the gateway is started again.
func (c *Console) setLevel(g *gin.Context) {
	var wanted Level
	if !read(g, &wanted) {
		return
	}
	level, err := zerolog.ParseLevel(wanted.Level)
	if err != nil || level < zerolog.TraceLevel || level > zerolog.ErrorLevel || wanted.Level == "" {
		problem(g, http.StatusBadRequest, "level: expected trace, debug, info, warn or error")
		return
	}
	deedOf(g).note = level.String()
	if c.Dial != nil {
		c.Dial.level.Store(int32(level))
	}
	c.showLevel(g)
}
