# IPython runs this before the first cell, so that "google.colab" stands in sys.modules as on Colab.
import google.colab  # noqa: F401
