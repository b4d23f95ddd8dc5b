package qlik

import "context"

// Me gives the identifier of the user that the credentials stand for, which is
// the UserID of the reloads it starts. The document's dialect has no such call:
// there it is "".
func (c *Client) Me(ctx context.Context) (userID string, err error) {
	if c.dialect != Cloud {
		return "", nil
	}
	var me struct {
		ID string `json:"id"`
	}
	if err := c.do(ctx, call{op: "getMe"}, &me); err != nil {
		return "", err
	}
	return me.ID, c.identified("getMe", me.ID)
}
