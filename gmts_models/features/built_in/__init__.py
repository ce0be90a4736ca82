"""The attributes that come with the package, by what they are made from."""
