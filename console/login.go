package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// sameOrigin refuses forms that a page of another site has a browser send.
func sameOrigin(g *gin.Context) {
	if err := http.NewCrossOriginProtection().Check(g.Request); err != nil {
		problem(g, http.StatusForbidden, "forms are taken from the console's own pages only")
	}
}

// A signIn is what the page that asks for a token shows.
type signIn struct {
	To    string // where to go then
	Wrong bool
}

func (c *Console) loginPage(g *gin.Context) {
	c.show(g, page{Title: "Sign in", Own: signIn{To: ownPath(g.Query("to"))}.own})
}

// login takes a token and gives a cookie for it that scripts cannot read.
func (c *Console) login(g *gin.Context) {
	g.Request.Body = http.MaxBytesReader(g.Writer, g.Request.Body, maxOrder)
	to := ownPath(g.PostForm("to"))
	token, known := c.tokenOf(g.PostForm("token"))
	if !known {
		c.Log.Warn().Str("hop", "audit").Str("from", g.Request.RemoteAddr).Msg("somebody tried to sign in with a token that is not one")
		c.show(g, page{Title: "Sign in", Status: http.StatusUnauthorized, Own: signIn{To: to, Wrong: true}.own})
		return
	}
	setCookie(g, c.sealed(token, time.Now().Add(cookieAge)), int(cookieAge.Seconds()))
	g.Redirect(http.StatusSeeOther, to)
}

func logout(g *gin.Context) {
	setCookie(g, "", -1)
	g.Redirect(http.StatusSeeOther, "/login")
}

func setCookie(g *gin.Context, value string, age int) {
	http.SetCookie(g.Writer, &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: g.Request.TLS != nil,
	})
}

// ownPath returns a path of this console: whatever else somebody wrote becomes the
// first page. Browsers take a backslash for a slash, and pass over tabs and line ends.
func ownPath(path string) string {
	_, err := url.Parse(path) // refuses control characters
	if err != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, "\\") {
		return "/"
	}
	return path
}
