"""Sign-in for a real class: accounts of this hub with verified mail, and people of GitHub and Google."""
