"""What is in a training set: tables and the plots made from them."""
